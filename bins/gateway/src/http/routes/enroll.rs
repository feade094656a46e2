//! Receives what admins want about machines that join, gives it to a registrar, and back what it says.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ogent_protocol::enroll::InviteId;
use ogent_protocol::enroll::admin::{AdminAction, AdminRequest, AdminResponse, DecideAgent};
use ogent_protocol::rest::{DecideAgentRequest, IdentityList, InviteCreated, InviteList, InviteRequest, InviteView};
use ogent_protocol::{AgentId, AuditKind, Identity, IdentityState};

use crate::access::Action;
use crate::http::Shared;
use crate::http::extract::{Caller, Id, OptionalJsonBody};
use crate::http::openapi::{BadBody, BadParameter, Bugs, Guarded, Known, NoInvite, NoRegistrar, NotPossible};
use crate::http::problem::{ApiError, Code};

/// Invite a machine
///
/// The answer has a token, shown this once: `ogent-agent join TOKEN` on the machine makes it an agent. The body may be
/// missing: then it is for one machine, for an hour, and the machine is in at once.
#[utoipa::path(
    post,
    path = "/agents/invites",
    tag = "agents",
    security(("bearer" = [])),
    request_body(content = Option<InviteRequest>, content_type = "application/json"),
    responses(
        (status = 201, description = "The invitation, and its token", body = InviteCreated),
        Guarded,
        BadBody,
        Known,
        NoRegistrar,
        Bugs
    )
)]
pub(in crate::http) async fn invite(
    State(services): State<Shared>,
    caller: Caller,
    OptionalJsonBody(request): OptionalJsonBody<InviteRequest>,
) -> Result<(StatusCode, Json<InviteCreated>), ApiError> {
    caller.must(Action::InviteAgents)?;
    match ask(&services, &caller, AdminAction::Invite(request)).await? {
        AdminResponse::Invited(created) => {
            caller.has_done(AuditKind::AgentInvited, created.invite.agent.as_ref().map(AgentId::as_str));
            Ok((StatusCode::CREATED, Json(*created)))
        }
        _ => Err(odd()),
    }
}

/// List invitations
///
/// Newest first; also those that have ended in the last seven days. Never their tokens.
#[utoipa::path(
    get,
    path = "/agents/invites",
    tag = "agents",
    security(("bearer" = [])),
    responses((status = 200, description = "The invitations", body = InviteList), Guarded, NoRegistrar, Bugs)
)]
pub(in crate::http) async fn invites(
    State(services): State<Shared>,
    caller: Caller,
) -> Result<Json<InviteList>, ApiError> {
    caller.must(Action::ViewInvites)?;
    match ask(&services, &caller, AdminAction::Invites).await? {
        AdminResponse::Invites(invites) => Ok(Json(InviteList { invites })),
        _ => Err(odd()),
    }
}

/// Withdraw an invitation
///
/// No machine joins by it any more. Agents that have stay what they are.
#[utoipa::path(
    delete,
    path = "/agents/invites/{id}",
    tag = "agents",
    security(("bearer" = [])),
    params(("id" = AgentId, Path, description = "Id of the invitation")),
    responses(
        (status = 200, description = "The invitation as it stands", body = InviteView),
        Guarded,
        BadParameter,
        NoInvite,
        NoRegistrar,
        Bugs
    )
)]
pub(in crate::http) async fn withdraw(
    State(services): State<Shared>,
    caller: Caller,
    Id(invite): Id<InviteId>,
) -> Result<Json<InviteView>, ApiError> {
    caller.must(Action::InviteAgents)?;
    match ask(&services, &caller, AdminAction::Withdraw { invite }).await? {
        AdminResponse::Invite(invite) => Ok(Json(*invite)),
        _ => Err(odd()),
    }
}

/// List machines that somebody has to accept
///
/// With what they say about themselves, which nobody has checked.
#[utoipa::path(
    get,
    path = "/agents/pending",
    tag = "agents",
    security(("bearer" = [])),
    responses((status = 200, description = "The machines, by id", body = IdentityList), Guarded, NoRegistrar, Bugs)
)]
pub(in crate::http) async fn pending(
    State(services): State<Shared>,
    caller: Caller,
) -> Result<Json<IdentityList>, ApiError> {
    caller.must(Action::ManageAgents)?;
    match ask(&services, &caller, AdminAction::Identities { state: Some(IdentityState::Pending) }).await? {
        AdminResponse::Identities(identities) => Ok(Json(IdentityList { identities })),
        _ => Err(odd()),
    }
}

/// Declares the three decisions, which differ in little but their words.
macro_rules! decision {
    ($name:ident, $path:literal, $action:expr, $kind:expr, $title:literal, $more:literal, $done:literal) => {
        #[doc = $title]
        #[doc = ""]
        #[doc = $more]
        #[utoipa::path(
                            post,
                            path = $path,
                            tag = "agents",
                            security(("bearer" = [])),
                            params(("id" = AgentId, Path, description = "Id of the agent")),
                            request_body(content = Option<DecideAgentRequest>, content_type = "application/json"),
                            responses(
                                (status = 200, description = $done, body = Identity),
                                Guarded,
                                BadBody,
                                NotPossible,
                                NoRegistrar,
                                Bugs
                            )
                        )]
        pub(in crate::http) async fn $name(
            State(services): State<Shared>,
            caller: Caller,
            Id(agent): Id<AgentId>,
            OptionalJsonBody(request): OptionalJsonBody<DecideAgentRequest>,
        ) -> Result<Json<Identity>, ApiError> {
            caller.must(Action::ManageAgents)?;
            let DecideAgentRequest { generation, reason } = request;
            match ask(&services, &caller, $action(DecideAgent { agent, generation, reason })).await? {
                AdminResponse::Identity(identity) => {
                    caller.has_done($kind, Some(identity.id.as_str()));
                    Ok(Json(*identity))
                }
                _ => Err(odd()),
            }
        }
    };
}

decision!(
    accept,
    "/agents/{id}/accept",
    AdminAction::Accept,
    AuditKind::AgentAccepted,
    "Let a machine in",
    "It gets its credentials when it asks the next time, within seconds. The body may be missing.",
    "The agent's identity"
);
decision!(
    reject,
    "/agents/{id}/reject",
    AdminAction::Reject,
    AuditKind::AgentRejected,
    "Do not let a machine in",
    "It is told so. The body may be missing.",
    "The machine's identity"
);
decision!(
    revoke,
    "/agents/{id}/revoke",
    AdminAction::Revoke,
    AuditKind::AgentRevoked,
    "Take an agent's right away",
    "When this answers 200, the broker has cut its connections and takes its key no more. The body may be missing.",
    "The agent's identity"
);

async fn ask(services: &Shared, caller: &Caller, action: AdminAction) -> Result<AdminResponse, ApiError> {
    Ok(services.registrars.admin(&AdminRequest { by: caller.principal().user.clone(), action }).await?)
}

fn odd() -> ApiError {
    ApiError::new(Code::Internal, "the registrar has answered something else than it was asked")
}
