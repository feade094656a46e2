//! Every route and what it asks the access policy: a route that does not stand here has no [`super::extract::Caller`], and
//! so lets nobody in.

use axum::http::Method;

use crate::access::Action;

/// Who gets into a route.
#[derive(Debug, Clone, Copy)]
pub(super) enum Guard {
    /// Everybody: it tells nothing about the fleet beyond counts, or is the way to log in.
    Public,
    /// Everybody may connect; whoever has not logged in within seconds is cut off, and nothing is said before.
    Within(&'static [Action]),
    /// Everybody who is logged in, about their own logins; about those of others, whom the access policy lets do these.
    Own(&'static [Action]),
    /// Whom the access policy lets do these.
    Asks(&'static [Action]),
}

use Action as A;
use Guard::{Asks, Own, Public, Within};

/// The table of routes. A test holds it against the OpenAPI document.
pub(super) const ROUTES: &[(&str, &str, Guard)] = &[
    ("POST", "/token", Public),
    ("POST", "/session", Public),
    ("GET", "/session", Own(&[])),
    ("DELETE", "/session", Own(&[])),
    ("GET", "/me", Own(&[])),
    ("POST", "/logout", Own(&[])),
    ("GET", "/sessions", Own(&[A::ViewTokens])),
    ("DELETE", "/sessions/{id}", Own(&[A::ManageTokens])),
    ("POST", "/tokens", Asks(&[A::ManageOwnTokens])),
    ("GET", "/tokens", Asks(&[A::ManageOwnTokens, A::ViewTokens])),
    ("DELETE", "/tokens/{id}", Asks(&[A::ManageOwnTokens, A::ManageTokens])),
    ("GET", "/audit", Asks(&[A::ViewAudit])),
    ("GET", "/auth/oidc/login", Public),
    ("GET", "/auth/oidc/callback", Public),
    ("GET", "/healthz", Public),
    ("GET", "/readyz", Public),
    ("GET", "/metrics", Public),
    ("GET", "/openapi.json", Public),
    ("GET", "/ws", Within(&[A::Follow, A::ViewAgent, A::ViewCommand])),
    ("POST", "/ws/ticket", Asks(&[A::Follow])),
    ("GET", "/agents", Asks(&[A::ListAgents, A::ViewAgent])),
    ("POST", "/agents/invites", Asks(&[A::InviteAgents])),
    ("GET", "/agents/invites", Asks(&[A::ViewInvites])),
    ("DELETE", "/agents/invites/{id}", Asks(&[A::InviteAgents])),
    ("GET", "/agents/pending", Asks(&[A::ManageAgents])),
    ("POST", "/agents/{id}/accept", Asks(&[A::ManageAgents])),
    ("POST", "/agents/{id}/reject", Asks(&[A::ManageAgents])),
    ("POST", "/agents/{id}/revoke", Asks(&[A::ManageAgents])),
    ("GET", "/agents/{id}", Asks(&[A::ViewAgent])),
    ("POST", "/agents/{id}/execute", Asks(&[A::ViewAgent, A::Execute])),
    ("POST", "/agents/{id}/analyze", Asks(&[A::ViewAgent, A::Analyze])),
    ("GET", "/analyses/{id}", Asks(&[A::ViewAnalysis])),
    ("GET", "/approvals", Asks(&[A::ListApprovals, A::ViewApproval])),
    ("POST", "/commands/{id}/approve", Asks(&[A::ViewCommand, A::Approve])),
    ("POST", "/commands/{id}/deny", Asks(&[A::ViewCommand, A::Deny])),
    ("GET", "/commands", Asks(&[A::ListCommands, A::ViewCommand])),
    ("GET", "/commands/{id}", Asks(&[A::ViewCommand])),
    ("POST", "/commands/{id}/cancel", Asks(&[A::ViewCommand, A::Cancel])),
    ("GET", "/commands/{id}/evidence", Asks(&[A::ViewCommand, A::ViewOutput])),
    ("GET", "/commands/{id}/output", Asks(&[A::ViewCommand, A::ViewOutput])),
    ("GET", "/commands/{id}/events", Asks(&[A::ViewCommand, A::ViewOutput])),
    ("GET", "/users", Asks(&[A::ListUsers])),
    ("POST", "/users", Asks(&[A::ManageUsers])),
    ("GET", "/users/{name}", Asks(&[A::ViewUser])),
    ("PATCH", "/users/{name}", Asks(&[A::ViewUser, A::ManageUsers])),
    ("DELETE", "/users/{name}", Asks(&[A::ViewUser, A::ManageUsers])),
    ("POST", "/users/{name}/password", Asks(&[A::ViewUser, A::ChangePassword, A::ManageUsers])),
    ("GET", "/policy", Asks(&[A::ViewPolicy])),
    ("PUT", "/policy", Asks(&[A::ChangePolicy])),
    ("GET", "/policy/history", Asks(&[A::ViewPolicy])),
    ("POST", "/policy/test", Asks(&[A::TestPolicy])),
];

/// What a route asks; `None` where there is no such route, or it asks nothing.
pub(super) fn actions(method: &Method, path: &str) -> Option<&'static [Action]> {
    // axum answers HEAD by the route for GET.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let found = ROUTES.iter().find(|(known, at, _)| *known == method.as_str() && *at == path)?;
    match found.2 {
        Asks(actions) | Within(actions) | Own(actions) => Some(actions),
        Public => None,
    }
}

/// Method and path of every route, and whether it lets in only whom the access policy lets: for tests.
#[doc(hidden)]
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    ROUTES.iter().map(|(method, path, guard)| (*method, *path, matches!(guard, Asks(_))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_says_what_it_asks() {
        let document = serde_json::to_value(super::super::openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
            })
            .collect();
        let known: BTreeSet<_> =
            ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(described, known);
        assert_eq!(known.len(), ROUTES.len(), "a route stands there twice");
        for (method, path, guard) in ROUTES {
            let security = &paths[*path][method.to_lowercase()]["security"];
            match guard {
                Public => assert!(security.is_null(), "{path} is public and says that it wants a token"),
                Asks(actions) => assert!(!actions.is_empty() && security.is_array(), "{path}"),
                Own(_) => assert!(security.is_array(), "{path}"),
                Within(actions) => assert!(!actions.is_empty(), "{path}"),
            }
        }
    }

    #[test]
    fn what_is_public_is_a_choice() {
        let public: Vec<_> =
            ROUTES.iter().filter(|(_, _, guard)| matches!(guard, Public)).map(|route| route.1).collect();
        assert_eq!(
            public,
            [
                "/token",
                "/session",
                "/auth/oidc/login",
                "/auth/oidc/callback",
                "/healthz",
                "/readyz",
                "/metrics",
                "/openapi.json"
            ]
        );
        assert!(actions(&Method::GET, "/nowhere").is_none() && actions(&Method::PUT, "/agents").is_none());
    }
}
