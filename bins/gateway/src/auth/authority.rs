//! Receives names with passwords, and tokens, from `http`; gives sessions to the first, principals to the second.
//!
//! All that a token says is who it is for and in which session; whether both are still good, and what the person may be,
//! is looked up in memory at each request. Where the broker has not been heard for too long to know, nobody gets in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_broker::{AppendError, Grants, Ledger, LoginOutcome, Logins};
use ogent_protocol::session::{ApiToken, Session};
use ogent_protocol::{AuditEvent, AuditKind, Grant, GrantId};
use ogent_runtime::Secret;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::error::{LogInError, Unauthenticated};
use super::jwt::{Said, Tokens};
use super::opaque::{self, Opaque};
use super::throttle::Throttle;
use super::{LoginError, MintError};
use crate::access::{Principal, Role};
use crate::limits::{MAX_GRANTS_EACH, MAX_USER_AGENT_BYTES, SESSION_LIFE};
use crate::network::Network;
use crate::people::{People, Person};

/// How soon after a token was made its session may not have reached every server of a cluster, and how often it is
/// looked for then.
const SPREADING: SignedDuration = SignedDuration::from_secs(5);
const LOOKS: u32 = 4;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Lets people in.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(super) tokens: Arc<Tokens>,
    pub(super) people: People,
    pub(super) grants: Grants,
    pub(super) ledger: Ledger,
    pub(super) throttle: Throttle,
    pub(super) logins: Logins,
}

/// From where somebody asks.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The network address.
    pub(crate) address: IpAddr,
    /// The program, as it calls itself.
    pub(crate) user_agent: Option<String>,
}

/// What somebody gets who is logged in.
pub(crate) struct Issued {
    /// For the requests to come.
    pub(crate) access: Secret,
    /// How long that is good for.
    pub(crate) access_ttl: Duration,
    /// For the next access token.
    pub(crate) refresh: Secret,
    /// When the session ends.
    pub(crate) session_ends: Timestamp,
}

// === impl Origin ===

impl Origin {
    pub(super) fn network(&self) -> String {
        Network::of(self.address).to_string()
    }

    pub(super) fn program(&self) -> Option<String> {
        let program = self.user_agent.as_deref()?;
        Some(program.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT_BYTES).collect())
    }
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new(tokens: Tokens, people: People, grants: Grants, ledger: Ledger, logins: Logins) -> Self {
        Self { tokens: Arc::new(tokens), people, grants, ledger, throttle: Throttle::default(), logins }
    }

    /// Begins a session for whoever knows the password.
    ///
    /// # Errors
    /// See [`LogInError`].
    pub(crate) async fn log_in(&self, name: &str, password: Secret, from: &Origin) -> Result<Issued, LogInError> {
        let person = self.prove(name, password, from).await?;
        self.begin_session(&person, from).await
    }

    /// Who that is, if it is their password. Whoever guesses has to wait.
    ///
    /// # Errors
    /// See [`LogInError`].
    pub(crate) async fn prove(&self, name: &str, password: Secret, from: &Origin) -> Result<Arc<Person>, LogInError> {
        let network = from.network();
        let is_familiar = self.is_logged_in_from(name, &network);
        let attempt = self.throttle.begin(name, &network, is_familiar).map_err(|wait| {
            self.report(self.about_login(AuditKind::LoginLimited, name, from));
            LogInError::Wait(wait)
        })?;
        let person = match self.people.check(name, password).await {
            Ok(person) => person,
            Err(error) => {
                // Nothing was found out, and so nothing can be learned from it.
                attempt.undo();
                return Err(LoginError::into(error));
            }
        };
        let Some(person) = person else {
            self.logins.tell(attempt.failed()).await;
            self.report(self.about_login(AuditKind::LoginFailed, name, from));
            return Err(LogInError::Wrong);
        };
        self.logins.tell(attempt.succeeded()).await;
        Ok(person)
    }

    /// Begins a session for somebody who has proved who they are.
    ///
    /// # Errors
    /// See [`LogInError`].
    pub(crate) async fn begin_session(&self, person: &Person, from: &Origin) -> Result<Issued, LogInError> {
        let refresh = Opaque::first(GrantId::new_session());
        let now = Timestamp::now();
        let session = Session {
            id: refresh.id.clone(),
            user: person.name.clone(),
            epoch: person.epoch,
            created_at: now,
            refreshed_at: now,
            expires_at: now.saturating_add(SESSION_LIFE).unwrap_or(now),
            family: refresh.family(),
            current: refresh.secret(),
            previous: None,
            address: Some(from.address.to_string()),
            user_agent: from.program(),
        };
        let issued = self.issue(person, &session, &refresh)?;
        self.make_room(&person.name).await;
        self.grants.create(Grant::Session(session)).await?;
        tracing::info!(user = person.name, session = %refresh.id, "logged in");
        self.report(event(AuditKind::Login).by(&person.name).from(from.address).with(&refresh.id));
        Ok(issued)
    }

    pub(super) fn issue(&self, person: &Person, session: &Session, refresh: &Opaque) -> Result<Issued, MintError> {
        Ok(Issued {
            access: self.tokens.mint(&person.name, Some(&session.id), person.epoch)?,
            access_ttl: self.tokens.ttl(),
            refresh: refresh.show(),
            session_ends: session.expires_at,
        })
    }

    /// Whom a bearer token speaks for.
    ///
    /// # Errors
    /// See [`Unauthenticated`].
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Principal, Unauthenticated> {
        if !self.grants.is_fresh() {
            return Err(Unauthenticated::Stale);
        }
        match opaque::looks_like_api(token) {
            true => self.of_api_token(token).await,
            false => self.of_access_token(self.tokens.verify(token)?).await,
        }
    }

    async fn of_access_token(&self, said: Said) -> Result<Principal, Unauthenticated> {
        if let Some(id) = &said.session {
            let session = self.session(id, said.issued_at).await?;
            if session.is_none_or(|grant| grant.user() != said.user) {
                return Err(Unauthenticated::Ended);
            }
        }
        let person = self.people.current(&said.user).filter(|person| !person.disabled);
        // Whoever holds the key that signs could write any epoch.
        let person = person.filter(|person| said.session.is_none() || person.epoch == said.epoch);
        let person = person.ok_or(Unauthenticated::Ended)?;
        Ok(Principal {
            user: person.name.clone(),
            roles: person.roles.clone(),
            epoch: person.epoch,
            grant: said.session,
            scope: None,
            expires_at: said.expires_at,
            session: None,
        })
    }

    async fn session(&self, id: &GrantId, issued_at: Timestamp) -> Result<Option<Arc<Grant>>, Unauthenticated> {
        for _ in 1..LOOKS {
            let found = self.grants.find(id).await?;
            if found.is_some() || Timestamp::now().duration_since(issued_at) > SPREADING {
                return Ok(found);
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok(self.grants.find(id).await?)
    }

    async fn of_api_token(&self, text: &str) -> Result<Principal, Unauthenticated> {
        let given = Opaque::read_api(text).ok_or(Unauthenticated::ApiToken)?;
        let found = self.grants.find(&given.id).await?.ok_or(Unauthenticated::ApiToken)?;
        let Grant::Token(token) = &*found else { return Err(Unauthenticated::ApiToken) };
        if !opaque::is_same(&given.secret(), &token.secret) {
            return Err(Unauthenticated::ApiToken);
        }
        let person = self.people.current(&token.user).filter(|person| !person.disabled);
        let person = person.filter(|person| person.token_mark == token.owner).ok_or(Unauthenticated::Ended)?;
        Ok(principal_of(token, &person))
    }

    /// Whether what a stream was opened with is still good: asked again and again while it is open.
    pub(crate) fn is_current(&self, principal: &Principal) -> bool {
        // Whom an OpenID provider vouches for is in no list of ours: the session alone says how long.
        let Some(person) = self.people.current(&principal.user) else { return principal.session.is_some() };
        if person.disabled {
            return false;
        }
        // Another epoch means other roles, also for API tokens, which go on with these.
        person.epoch == principal.epoch && principal.grant.as_ref().is_none_or(|id| self.grants.get(id).is_some())
    }

    /// Ends what people have when they change, and takes over what other gateways tell, until `shutdown`.
    pub(crate) async fn attend(self, mut heard: mpsc::Receiver<LoginOutcome>, shutdown: CancellationToken) {
        let mut changes = self.people.changes();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(outcome) = heard.recv() => self.throttle.hear(outcome),
                changed = changes.recv() => match changed {
                    Ok(person) => self.end_after_change(&person).await,
                    // What was missed ends when it is used: the epoch is another one.
                    Err(broadcast::error::RecvError::Lagged(missed)) => tracing::warn!(missed, "missed changes of people"),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }

    /// Sessions end with each change, API tokens with their owner.
    async fn end_after_change(&self, person: &Person) {
        let is_over = |grant: &Grant| match grant {
            Grant::Session(session) => person.disabled || session.epoch != person.epoch,
            Grant::Token(token) => person.disabled || token.owner != person.token_mark,
        };
        for grant in self.grants.list(|grant| grant.user() == person.name && is_over(grant)) {
            if let Err(error) = self.grants.end(grant.id()).await {
                // It is refused in any case: the person is not who it was made for any more.
                tracing::warn!(%error, grant = %grant.id(), "a session of a changed user stays in the bucket");
                continue;
            }
            let kind = if grant.id().is_session() { AuditKind::SessionRevoked } else { AuditKind::TokenRevoked };
            self.report(event(kind).about(&person.name).with(grant.id()).saying("the user has changed"));
        }
    }

    fn is_logged_in_from(&self, name: &str, network: &str) -> bool {
        let is_there = |grant: &Grant| match grant {
            Grant::Session(session) => {
                let address = session.address.as_ref().and_then(|address| address.parse().ok());
                session.user == name && address.is_some_and(|address| Network::of(address).to_string() == network)
            }
            Grant::Token(_) => false,
        };
        !self.grants.list(is_there).is_empty()
    }

    /// The session that was used longest ago makes room for a new one.
    async fn make_room(&self, user: &str) {
        let mut sessions = self.sessions_of(Some(user));
        while sessions.len() >= MAX_GRANTS_EACH {
            let Some(oldest) = sessions.pop() else { return };
            match self.grants.end(&oldest.id).await {
                Ok(()) => self.report(
                    event(AuditKind::SessionRevoked).about(user).with(&oldest.id).saying("made room for a new session"),
                ),
                Err(error) => tracing::debug!(%error, "a session did not make room"),
            }
        }
    }

    /// What a failed log-in says: the name only where there is such a user, or a password typed into the wrong field
    /// would stand in the stream for good.
    fn about_login(&self, kind: AuditKind, name: &str, from: &Origin) -> AuditEvent {
        let event = event(kind).from(from.address);
        match self.people.current(name) {
            Some(person) if person.disabled => event.about(name).saying("the user is disabled"),
            Some(_) => event.about(name),
            None => event.saying("there is no such user"),
        }
    }

    pub(super) fn report(&self, event: AuditEvent) {
        self.ledger.audit(event);
    }
}

pub(super) fn event(kind: AuditKind) -> AuditEvent {
    AuditEvent::new("gateway", kind)
}

fn principal_of(token: &ApiToken, person: &Person) -> Principal {
    let is_covered =
        |role: &&Role| token.scope.roles.as_ref().is_none_or(|roles| roles.iter().any(|name| name == role.as_str()));
    Principal {
        user: person.name.clone(),
        roles: person.roles.iter().filter(is_covered).copied().collect(),
        epoch: person.epoch,
        grant: Some(token.id.clone()),
        scope: Some(token.scope.clone()),
        expires_at: token.expires_at,
        session: None,
    }
}

/// Why it does not matter to the caller: somebody else has ended or changed it at this moment.
pub(super) fn is_conflict(error: &AppendError) -> bool {
    matches!(error, AppendError::Conflict(_))
}
