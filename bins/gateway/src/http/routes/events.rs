//! Receives the id of a command, gives its events as they come, as Server-Sent Events.

use std::convert::Infallible;
use std::pin::Pin;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use ogent_broker::StoredEvent;
use ogent_protocol::{CommandId, ProposalEvent};
use utoipa::ToSchema;

use crate::access::Sight;
use crate::history::{Follow, Happened};
use crate::http::Shared;
use crate::http::extract::{Caller, Id, header};
use crate::http::openapi::{BadParameter, BrokerAway, Bugs, Guarded, NoCommand};
use crate::http::problem::{ApiError, Code};
use crate::limits::SSE_KEEP_ALIVE;
use crate::streams::{Ended, Place};

const LAST_EVENT_ID: &str = "last-event-id";

/// nginx otherwise collects events until its buffer is full.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// One event of the stream.
///
/// OpenAPI 3.1 cannot say that the body is a row of these; tools that know the media type read it so.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what axum writes")]
struct ServerSentEvent {
    /// Number of the event; not at the end, and not of events before the command was sent.
    id: Option<String>,
    /// Type of the event, or `end`.
    event: String,
    /// The CloudEvent in JSON; at the end, `{"status": "…"}`.
    data: String,
}

/// One open stream. `follow` is gone once the end has been said.
struct Open {
    follow: Option<Follow>,
    end: Pin<Box<dyn Future<Output = Ended> + Send>>,
    seen: Sight,
    _place: Place,
}

/// Follow a command
///
/// Server-Sent Events: first those that are stored, then those to come. `id` is the number of the event, `event` its
/// type, `data` the CloudEvent in JSON. Where somebody had to approve the command, `ogent.approval.…` come first, without an
/// `id`. `event: end` follows the last one; whoever reads then has to close, because
/// an `EventSource` would connect again. A stream without `end` can be resumed with `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/commands/{id}/events",
    tag = "commands",
    security(("bearer" = [])),
    params(
        ("id" = CommandId, Path, description = "Id of the command"),
        (
            "Last-Event-ID" = Option<u64>,
            Header,
            description = "Number of the last event that was seen",
            minimum = 0
        )
    ),
    responses(
        (status = 200, description = "The events", body = ServerSentEvent, content_type = "text/event-stream"),
        Guarded,
        BadParameter,
        NoCommand,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn events(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let after = header(&headers, LAST_EVENT_ID)?;
    let found = caller.find(&services, &id).await?;
    let principal = caller.principal();
    let seen = Sight::new(&services.access, principal, found);
    let place = services.streams.enter("sse", principal);
    let place = place.ok_or_else(|| ApiError::new(Code::TooManyStreams, "too many streams are open; try again"))?;
    let follow = services.history.follow(&id, after).await?;
    let end = Box::pin(services.end_of(principal));
    let open = Open { follow: Some(follow), end, seen, _place: place };
    let events = Sse::new(stream_of(open)).keep_alive(KeepAlive::new().interval(SSE_KEEP_ALIVE));
    Ok(([NO_BUFFERING], events))
}

fn stream_of(open: Open) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::unfold(open, async |mut open| {
        let event = open.next().await?;
        Some((Ok(event), open))
    })
}

// === impl Open ===

impl Open {
    /// The next event to send. A stream that cannot go on ends without `end`: the client resumes it.
    async fn next(&mut self) -> Option<Event> {
        let follow = self.follow.as_mut()?;
        let next = tokio::select! {
            next = follow.next() => next,
            _ = &mut self.end => return None,
            () = self.seen.lost() => return None,
        };
        match next {
            Ok(Some(Happened::Event(stored))) => written(&self.seen.shown(*stored)),
            Ok(Some(Happened::Approval(event))) => written_before(&event),
            Ok(None) => {
                let end = end(follow);
                self.follow = None;
                end
            }
            Err(error) => {
                tracing::warn!(%error, "an event stream broke off");
                None
            }
        }
    }
}

fn written(stored: &StoredEvent) -> Option<Event> {
    let event = &stored.event;
    let written = Event::default().id(event.n.to_string()).event(event.kind.name()).json_data(event);
    written.inspect_err(|error| tracing::error!(%error, "invariant violated: an event cannot be written")).ok()
}

/// Without a number: a client that resumes behind an event of the command has seen these.
fn written_before(event: &ProposalEvent) -> Option<Event> {
    let written = Event::default().event(event.kind.name()).json_data(event);
    written.inspect_err(|error| tracing::error!(%error, "invariant violated: an event cannot be written")).ok()
}

/// An `EventSource` ignores an event without data, so the end has some.
fn end(follow: &Follow) -> Option<Event> {
    let data = serde_json::json!({"status": follow.status()});
    Event::default().event("end").json_data(data).ok()
}
