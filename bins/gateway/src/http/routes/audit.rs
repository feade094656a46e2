//! Receives questions about security events, answers them from their stream.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use ogent_broker::AuditScan;
use ogent_protocol::AuditKind;
use ogent_protocol::rest::{AuditEntry, AuditList};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Action;
use crate::history::{Cursor, Place};
use crate::http::Shared;
use crate::http::extract::{Caller, QueryOf, page_size};
use crate::http::openapi::{BadParameter, BrokerAway, Bugs, Guarded};
use crate::http::problem::ApiError;
use crate::limits::{DEFAULT_AUDIT_PAGE, MAX_AUDIT_PAGE};

/// Which security events to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListParams {
    /// Only events of this kind.
    kind: Option<AuditKind>,
    /// Only events by or about this user.
    user: Option<String>,
    /// Only events that were stored at this moment or later.
    since: Option<Timestamp>,
    /// Events on a page.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// Where the page before ended: its `next_cursor`.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{23}$")]
    cursor: Option<Cursor>,
    /// Instead: events behind this place, the oldest first; `latest` of the answer before.
    #[param(minimum = 0)]
    after: Option<u64>,
}

/// List security events
///
/// Log-ins, refusals, changes of rights and identities; newest first. A page may be short, or empty, and not be the last
/// one: only a page without `next_cursor` is. To follow them, ask with `after` again and again. For admins.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "login",
    security(("bearer" = [])),
    params(ListParams),
    responses(
        (status = 200, description = "One page of events", body = AuditList),
        Guarded,
        BadParameter,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn list(
    State(services): State<Shared>,
    caller: Caller,
    QueryOf(params): QueryOf<ListParams>,
) -> Result<Json<AuditList>, ApiError> {
    caller.must(Action::ViewAudit)?;
    let ListParams { kind, user, since, limit, cursor, after } = params;
    let limit = page_size(limit, DEFAULT_AUDIT_PAGE, MAX_AUDIT_PAGE)?;
    let before = cursor.map(|cursor| services.seal.open(cursor).commands);
    let page = services.ledger.audit_page(&AuditScan { before, after, kind, user, since, limit }).await?;
    let entry = |record: ogent_broker::AuditRecord| AuditEntry { seq: record.sequence, event: record.event.into() };
    // The form of the history's cursors, with the one place that there is here.
    let next_cursor =
        page.next_before.map(|before| services.seal.close(Place { commands: before, proposals: 0 }).to_string());
    Ok(Json(AuditList { events: page.records.into_iter().map(entry).collect(), next_cursor, latest: page.through }))
}
