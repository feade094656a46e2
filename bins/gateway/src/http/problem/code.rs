//! Receives a kind of problem, gives its status, its stable code and its title.

use axum::http::StatusCode;

/// Every kind of problem. The set is closed, and a code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Code {
    /// The body is not JSON or not a form.
    MalformedBody,
    /// A parameter in the path, the query or a header is wrong.
    InvalidParameter,
    /// The request for a WebSocket is not one.
    InvalidUpgrade,
    /// There is no token, or not a good one.
    Unauthorized,
    /// There is no such user, or it has another password.
    InvalidCredentials,
    /// The refresh token is not good, or not any more.
    InvalidRefreshToken,
    /// The user's roles do not allow it.
    Forbidden,
    /// A browser asks from a page that may not.
    OriginNotAllowed,
    /// A browser sends along who is logged in, and not from the gateway's own pages.
    CrossSite,
    /// The OpenID provider, or what it says, does not let somebody in.
    SignInRefused,
    /// Policy refuses the command.
    BlockedByPolicy,
    /// Nobody approves commands of their own.
    OwnCommand,
    /// No route has that path.
    UnknownPath,
    /// No agent has that id.
    UnknownAgent,
    /// No command has that id.
    UnknownCommand,
    /// There is no analysis of that id.
    UnknownAnalysis,
    /// No user has that name.
    UnknownUser,
    /// A user has that name.
    UserExists,
    /// The user stands in the users file.
    ReadOnlyUser,
    /// It is the last admin who can log in.
    LastAdmin,
    /// Somebody else has changed it meanwhile.
    ChangedMeanwhile,
    /// Whoever sets this policy could not set another one.
    LocksOut,
    /// The access policy cannot be used.
    InvalidPolicy,
    /// There is no session or API token of that id, for this user.
    UnknownGrant,
    /// The route does not have that method.
    MethodNotAllowed,
    /// The body took too long.
    BodyTimeout,
    /// The agent is offline.
    AgentOffline,
    /// The agent is shut out.
    AgentRevoked,
    /// No invitation has that id.
    UnknownInvite,
    /// An agent's identity is not as it would have to be.
    NotPossible,
    /// No registrar answers.
    RegistrarUnavailable,
    /// The command does not wait for a decision, or not any more.
    NotAwaitingApproval,
    /// What waits is not what was seen.
    ApprovalMismatch,
    /// The user has as many API tokens as one may have.
    TooManyTokens,
    /// The body, or the command in it, is too large.
    TooLarge,
    /// The body is of a type that the route does not take.
    UnsupportedMediaType,
    /// A field of the body is wrong.
    InvalidRequest,
    /// The agent has no SSH target.
    NoSshTarget,
    /// The idempotency key belongs to another request.
    IdempotencyMismatch,
    /// The connection cannot become a WebSocket.
    UpgradeRequired,
    /// Too many logins at once.
    TooManyLogins,
    /// Too many failed logins of this account or from this network.
    LoginLimited,
    /// Too many requests of this user or from this network.
    TooManyRequests,
    /// Our bug.
    Internal,
    /// The broker does not answer.
    BrokerUnavailable,
    /// The OpenID provider does not answer.
    ProviderUnavailable,
    /// Too many streams are open.
    TooManyStreams,
    /// The gateway cannot work now.
    NotReady,
    /// The ledger takes no new commands.
    HistoryFull,
}

// === impl Code ===

impl Code {
    /// Every kind, for the tests.
    #[cfg(test)]
    pub(super) const ALL: [Self; 49] = [
        Self::UnknownInvite,
        Self::NotPossible,
        Self::RegistrarUnavailable,
        Self::MalformedBody,
        Self::InvalidParameter,
        Self::InvalidUpgrade,
        Self::Unauthorized,
        Self::InvalidCredentials,
        Self::InvalidRefreshToken,
        Self::Forbidden,
        Self::OriginNotAllowed,
        Self::CrossSite,
        Self::SignInRefused,
        Self::BlockedByPolicy,
        Self::OwnCommand,
        Self::UnknownPath,
        Self::UnknownAgent,
        Self::UnknownCommand,
        Self::UnknownAnalysis,
        Self::UnknownUser,
        Self::UserExists,
        Self::ReadOnlyUser,
        Self::LastAdmin,
        Self::ChangedMeanwhile,
        Self::LocksOut,
        Self::InvalidPolicy,
        Self::UnknownGrant,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::AgentOffline,
        Self::AgentRevoked,
        Self::NotAwaitingApproval,
        Self::ApprovalMismatch,
        Self::TooManyTokens,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidRequest,
        Self::NoSshTarget,
        Self::IdempotencyMismatch,
        Self::UpgradeRequired,
        Self::TooManyLogins,
        Self::LoginLimited,
        Self::TooManyRequests,
        Self::Internal,
        Self::BrokerUnavailable,
        Self::ProviderUnavailable,
        Self::TooManyStreams,
        Self::NotReady,
        Self::HistoryFull,
    ];

    /// The status: 503 means try again, 500 means our bug.
    pub(in crate::http) fn status(self) -> StatusCode {
        self.facts().0
    }

    /// The code, for programs.
    pub(in crate::http) fn as_str(self) -> &'static str {
        self.facts().1
    }

    /// The kind of problem in words.
    pub(in crate::http) fn title(self) -> &'static str {
        self.facts().2
    }

    /// What `WWW-Authenticate` says.
    pub(super) fn challenge(self) -> Option<&'static str> {
        matches!(self, Self::Unauthorized | Self::InvalidCredentials | Self::InvalidRefreshToken)
            .then_some("Bearer realm=\"ogent\"")
    }

    /// Seconds after which another try makes sense.
    pub(super) fn retry_after(self) -> Option<u32> {
        match self {
            Self::TooManyLogins | Self::LoginLimited | Self::TooManyRequests | Self::NotReady => Some(1),
            Self::BrokerUnavailable | Self::ProviderUnavailable | Self::RegistrarUnavailable => Some(2),
            Self::TooManyStreams => Some(5),
            _ => None,
        }
    }

    fn facts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedBody => (S::BAD_REQUEST, "malformed_body", "The body cannot be read"),
            Self::InvalidParameter => (S::BAD_REQUEST, "invalid_parameter", "A parameter is not valid"),
            Self::InvalidUpgrade => (S::BAD_REQUEST, "invalid_upgrade", "Not a request for a WebSocket"),
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "A valid access token is needed"),
            Self::InvalidCredentials => (S::UNAUTHORIZED, "invalid_credentials", "Wrong user name or password"),
            Self::InvalidRefreshToken => {
                (S::UNAUTHORIZED, "invalid_refresh_token", "The refresh token is not good, or not any more")
            }
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "Your roles do not allow this"),
            Self::OriginNotAllowed => (S::FORBIDDEN, "origin_not_allowed", "Pages of this origin may not connect"),
            Self::CrossSite => (S::FORBIDDEN, "cross_site", "Only the gateway's own pages may ask like this"),
            Self::SignInRefused => (S::FORBIDDEN, "sign_in_refused", "The sign-in is refused"),
            Self::BlockedByPolicy => (S::FORBIDDEN, "blocked_by_policy", "Policy refuses the command"),
            Self::OwnCommand => (S::FORBIDDEN, "own_command", "Nobody approves commands of their own"),
            Self::UnknownPath => (S::NOT_FOUND, "unknown_path", "There is nothing here"),
            Self::UnknownAgent => (S::NOT_FOUND, "unknown_agent", "No agent has this id"),
            Self::UnknownCommand => (S::NOT_FOUND, "unknown_command", "No command has this id"),
            Self::UnknownAnalysis => (S::NOT_FOUND, "unknown_analysis", "No analysis has this id"),
            Self::UnknownUser => (S::NOT_FOUND, "unknown_user", "No user has this name"),
            Self::UserExists => (S::CONFLICT, "user_exists", "A user has this name"),
            Self::ReadOnlyUser => (S::CONFLICT, "read_only_user", "The user stands in the users file"),
            Self::LastAdmin => (S::CONFLICT, "last_admin", "It is the last admin"),
            Self::ChangedMeanwhile => (S::CONFLICT, "changed_meanwhile", "Somebody else has changed it"),
            Self::LocksOut => (S::CONFLICT, "locks_out", "You could not change the policy any more"),
            Self::InvalidPolicy => (S::UNPROCESSABLE_ENTITY, "invalid_policy", "The access policy cannot be used"),
            Self::UnknownGrant => (S::NOT_FOUND, "unknown_grant", "No session or API token has this id"),
            Self::UnknownInvite => (S::NOT_FOUND, "unknown_invite", "No invitation has this id"),
            Self::NotPossible => (S::CONFLICT, "not_possible", "The agent's identity is not as it would have to be"),
            Self::RegistrarUnavailable => (S::SERVICE_UNAVAILABLE, "registrar_unavailable", "No registrar answers"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "No such method here"),
            Self::BodyTimeout => (S::REQUEST_TIMEOUT, "body_timeout", "The body took too long"),
            Self::AgentOffline => (S::CONFLICT, "agent_offline", "The agent is offline"),
            Self::AgentRevoked => (S::CONFLICT, "agent_revoked", "The agent is revoked"),
            Self::NotAwaitingApproval => {
                (S::CONFLICT, "not_awaiting_approval", "The command does not wait for an approval")
            }
            Self::ApprovalMismatch => (S::CONFLICT, "approval_mismatch", "This is not what was approved"),
            Self::TooManyTokens => (S::CONFLICT, "too_many_tokens", "There are too many API tokens"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too_large", "The request is too large"),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Another Content-Type is needed")
            }
            Self::InvalidRequest => (S::UNPROCESSABLE_ENTITY, "invalid_request", "A field is not valid"),
            Self::NoSshTarget => (S::UNPROCESSABLE_ENTITY, "no_ssh_target", "The agent has no SSH target"),
            Self::IdempotencyMismatch => {
                (S::UNPROCESSABLE_ENTITY, "idempotency_mismatch", "The key belongs to another request")
            }
            Self::UpgradeRequired => (S::UPGRADE_REQUIRED, "upgrade_required", "Only for WebSockets"),
            Self::TooManyLogins => (S::TOO_MANY_REQUESTS, "too_many_logins", "Too many logins at once"),
            Self::LoginLimited => (S::TOO_MANY_REQUESTS, "login_limited", "Too many failed log-ins"),
            Self::TooManyRequests => (S::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "The gateway has failed"),
            Self::BrokerUnavailable => (S::SERVICE_UNAVAILABLE, "broker_unavailable", "The broker does not answer"),
            Self::ProviderUnavailable => {
                (S::SERVICE_UNAVAILABLE, "provider_unavailable", "The OpenID provider does not answer")
            }
            Self::TooManyStreams => (S::SERVICE_UNAVAILABLE, "too_many_streams", "Too many streams are open"),
            Self::NotReady => (S::SERVICE_UNAVAILABLE, "not_ready", "The gateway cannot work now"),
            Self::HistoryFull => (S::INSUFFICIENT_STORAGE, "history_full", "The history is full"),
        }
    }
}
