//! Receives requests from the service, gives each to the door or to the admin's side, and brings back the answer.
//!
//! Each subject has places of its own: a crowd at the door does not keep an admin from revoking somebody.

use std::sync::Arc;
use std::time::Duration;

use ogent_broker::service::{Ear, Request, Service};
use ogent_protocol::enroll::admin::AdminRequest;
use ogent_protocol::enroll::{EnrollRequest, EnrollResponse, RenewRequest};
use ogent_protocol::rest::Problem;
use ogent_protocol::{limits, subject};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::Admin;
use crate::door::{Door, DoorError};
use crate::revocations::chain;

/// Machines and agents that are answered at once, on each subject. Others wait in the connection.
const AT_ONCE: usize = 32;
/// How long what has begun may take when the registrar stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Answers everybody.
pub(crate) struct Desk {
    door: Arc<Door>,
    admin: Admin,
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(door: Arc<Door>) -> Arc<Self> {
        Arc::new(Self { admin: Admin { door: door.clone() }, door })
    }

    /// Answers until `shutdown`. Whether it was told to stop: otherwise the connection is gone for good.
    pub(crate) async fn work(
        self: Arc<Self>,
        mut service: Service,
        ears: (Ear, Ear),
        shutdown: CancellationToken,
    ) -> bool {
        let (mut joins, mut renewals) = ears;
        let [at_door, at_renewals, at_admin] = [(); 3].map(|()| Arc::new(Semaphore::new(AT_ONCE)));
        let tasks = TaskTracker::new();
        // A place is taken before the request: what there is no place for waits in the connection.
        let listen = async {
            tokio::join!(
                async {
                    while let (Ok(place), Some(request)) = (at_door.clone().acquire_owned().await, joins.next().await) {
                        let desk = self.clone();
                        tasks.spawn(async move {
                            desk.enroll(request).await;
                            drop(place);
                        });
                    }
                },
                async {
                    while let (Ok(place), Some(request)) =
                        (at_renewals.clone().acquire_owned().await, renewals.next().await)
                    {
                        let desk = self.clone();
                        tasks.spawn(async move {
                            desk.renew(request).await;
                            drop(place);
                        });
                    }
                },
                async {
                    while let (Ok(place), Some(request)) =
                        (at_admin.clone().acquire_owned().await, service.next().await)
                    {
                        let desk = self.clone();
                        tasks.spawn(async move {
                            desk.administer(request).await;
                            drop(place);
                        });
                    }
                },
            );
        };
        let was_told = tokio::select! {
            () = shutdown.cancelled() => true,
            () = listen => false,
        };
        service.close();
        tasks.close();
        if tokio::time::timeout(STOP_WITHIN, tasks.wait()).await.is_err() {
            tracing::warn!("stopped before all requests were answered");
        }
        was_told
    }

    async fn enroll(&self, request: Request) {
        let answer = match request.read::<EnrollRequest>(limits::MAX_ENROLL_BYTES) {
            Ok(wish) => self.door.enroll(&wish).await,
            Err(error) => return request.answer(&malformed(&error.to_string())).await,
        };
        request.answer(&said(answer)).await;
    }

    async fn renew(&self, request: Request) {
        // The broker lets an agent publish to its own subject only.
        let Some(agent) = subject::parse_renewal(request.subject()) else { return };
        let answer = match request.read::<RenewRequest>(limits::MAX_ENROLL_BYTES) {
            Ok(wish) => self.door.renew(&agent, &wish).await,
            Err(error) => return request.answer(&malformed(&error.to_string())).await,
        };
        request.answer(&said(answer)).await;
    }

    async fn administer(&self, request: Request) {
        let wish: AdminRequest = match request.read(limits::MAX_ENROLL_BYTES) {
            Ok(wish) => wish,
            Err(error) => return request.refuse(&Problem::new("malformed_request", 400, &error.to_string())).await,
        };
        match self.admin.act(wish).await {
            Ok(answer) => request.answer(&answer).await,
            Err(error) => request.refuse(&error.problem()).await,
        }
    }
}

fn malformed(problem: &str) -> EnrollResponse {
    EnrollResponse::Refused { code: "malformed_request".to_owned(), problem: problem.to_owned(), retry_after: None }
}

/// What a machine is told. What went wrong here is for the log.
fn said(answer: Result<EnrollResponse, DoorError>) -> EnrollResponse {
    let refused = |code: &str, problem: String, retry_after| EnrollResponse::Refused {
        code: code.to_owned(),
        problem,
        retry_after,
    };
    match answer {
        Ok(answer) => answer,
        Err(DoorError::Refused(refusal)) => {
            tracing::info!(code = refusal.code(), "a machine was not let in");
            let retry_after = matches!(refusal, crate::rules::Refusal::TooMany).then_some(60);
            refused(refusal.code(), refusal.to_string(), retry_after)
        }
        Err(DoorError::Issue(error)) => {
            tracing::warn!(error = %chain(&error), "credentials could not be made");
            refused("invalid_request", "credentials cannot be made for these keys".to_owned(), None)
        }
        Err(error) => {
            tracing::warn!(error = %chain(&error), "a machine's request failed");
            refused("unavailable", "the registrar cannot do it now; try again".to_owned(), Some(2))
        }
    }
}
