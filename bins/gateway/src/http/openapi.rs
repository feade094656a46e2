//! Receives the annotations of the routes, gives the OpenAPI 3.1 document.

use std::collections::BTreeMap;

use ogent_protocol::rest::Problem;
use ogent_protocol::{AuditKind, OutputStream};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Type};
use utoipa::{IntoResponses, Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

use super::Shared;
use super::problem::PROBLEM_JSON;

/// The OpenAPI description of the gateway's REST API.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = super::api().into_openapi();
    also_by_cookie(&mut document);
    document
}

/// What takes a token takes the cookie of a session, too.
fn also_by_cookie(document: &mut OpenApi) {
    let bearer = SecurityRequirement::new::<&str, [&str; 0], &str>("bearer", []);
    let cookie = || SecurityRequirement::new::<&str, [&str; 0], &str>("cookie", []);
    for item in document.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for security in methods.into_iter().flatten().filter_map(|operation| operation.security.as_mut()) {
            if *security == [bearer.clone()] {
                security.push(cookie());
            }
        }
    }
}

/// The document as it is before the first route.
pub(super) fn document() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Ogent",
        description = "Runs a command on any machine of a fleet and keeps a record of it. Errors are RFC 9457 \
            problems; their `code` does not change. An answer with 503 may be tried again, one with 500 is a bug."
    ),
    // Schemas that only stand in parameters or in problems are not found by themselves.
    components(schemas(Problem, OutputStream, AuditKind)),
    modifiers(&Bearer),
    tags(
        (name = "login", description = "Get an access token"),
        (name = "agents", description = "The machines of the fleet"),
        (name = "commands", description = "Run commands, follow them, look them up"),
        (name = "approvals", description = "What commands would do, and who lets them"),
        (name = "users", description = "Who may log in"),
        (name = "policy", description = "Who may do what"),
        (name = "status", description = "For load balancers, monitoring and tools")
    )
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let scheme = scheme.description(Some("An access token from `POST /token`.")).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        let text = "The session of a browser, from `POST /session`. It counts on requests of the gateway's own pages only: \
            `Sec-Fetch-Site: same-origin`, or the gateway's own `Origin`.";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description("__Host-ogent-session", text));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// Declares sets of problems that several routes share.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $description:literal,)+ })+) => { $(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$((stringify!($status).to_owned(), problem($status, $description)),)+])
            }
        }
    )+ };
}

problems! {
    /// Of every route that asks for a token.
    Guarded {
        400: "A parameter is not valid, or both a session's cookie and a token are sent",
        401: "There is no token, or it is not valid",
        403: "The user's roles do not allow it, or a page that is not the gateway's own sends the session's cookie",
        429: "Too many requests; try again",
        503: "The broker does not answer; try again",
    }
    /// Of every route.
    Bugs {
        500: "The gateway has failed: a bug",
    }
    /// Of every route with parameters.
    BadParameter {
        400: "A parameter is not valid",
    }
    /// Of every route with a body.
    BadBody {
        400: "A parameter is not valid, or the body cannot be read",
        408: "The body took too long",
        413: "The body is larger than 768 KiB (a form: than 16 KiB), or the command in it than 512 KiB",
        415: "The body has another Content-Type",
        422: "A field of the body is wrong, unknown or missing; its name is in the detail",
    }
    /// Of every route that asks a registrar.
    NoRegistrar {
        503: "No registrar answers, or it cannot reach its records; try again",
    }
    /// Of routes that decide about an agent's identity.
    NotPossible {
        404: "No agent with this id has ever asked to join",
        409: "It is not so, or not any more; the detail says what is",
    }
    /// Of routes that invite.
    Known {
        409: "An agent with this id has joined before",
    }
    /// Of routes that name an invitation.
    NoInvite {
        404: "No invitation has this id",
    }
    /// Of every route that asks the broker.
    BrokerAway {
        503: "The broker does not answer; try again",
    }
    /// Of every route that stores something.
    Full {
        507: "The history takes no new commands",
    }
    /// Of every route that names a command.
    NoCommand {
        404: "No command has this id",
    }
    /// Of every route that names an agent.
    NoAgent {
        404: "No agent has this id",
    }
    /// Of `execute` alone.
    NotNow {
        403: "The user's roles do not allow it, or policy refuses the command: then with the verdict",
        409: "The agent is offline, and the command may not wait for it; or it is revoked",
    }
    /// Of the decisions about commands that wait.
    NotOpen {
        403: "The user's roles do not allow it, or the command is the user's own",
        409: "The command does not wait for a decision, or it is not what was seen",
    }
    /// Of `GET /analyses/{id}` alone.
    NoAnalysis {
        404: "No analysis has this id, or not any more",
    }
    /// Of every route that names a user.
    NoUser {
        404: "No user has this name",
    }
    /// Of every route that changes users.
    UserStays {
        409: "There is a user of this name, or it is the last admin, or stands in the users file",
    }
    /// Of `PUT /policy` alone.
    PolicyChanged {
        409: "Another policy holds than the one that it was made from, or you could not set another one",
    }
    /// Of every route that names a session or an API token.
    NoGrant {
        404: "You have no session or API token of this id",
    }
    /// Of `POST /tokens` alone.
    TooManyTokens {
        409: "There are too many API tokens already",
    }
    /// Of `POST /token` alone.
    NoLogin {
        401: "There is no such user, it has another password, or the refresh token is not good",
        429: "Too many logins at once, or too many have failed; try again",
    }
    /// Of `POST /session` alone.
    NoSession {
        401: "There is no such user, or it has another password",
        403: "The request does not come from the gateway's own pages",
        429: "Too many logins at once; try again",
    }
    /// Of every route for signing in elsewhere.
    NoSignIn {
        400: "A parameter is not valid",
        403: "The sign-in is refused; the detail says why",
        404: "There is no OpenID provider",
        429: "Too many sign-ins at once; try again",
        503: "The provider or the broker does not answer; try again",
    }
    /// Of `GET /ws` alone.
    NoWebSocket {
        400: "The request for a WebSocket is not one",
        426: "The connection cannot become a WebSocket",
    }
    /// Of every route that keeps the connection open and asks nobody else.
    NoPlace {
        503: "Too many streams are open; try again",
    }
    /// Of `GET /readyz` alone.
    NotReady {
        503: "The broker is away",
    }
}

fn problem(status: u16, description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name("Problem");
    let mut response = ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(schema)).build());
    let header = |kind, text: &str| {
        HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(kind))).description(Some(text)).build()
    };
    if status == 401 {
        response = response.header("WWW-Authenticate", header(Type::String, "Says that a bearer token is needed"));
    }
    if status == 429 || status == 503 {
        response = response.header("Retry-After", header(Type::Integer, "Seconds after which to try again"));
    }
    response.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> serde_json::Value {
        serde_json::to_value(openapi()).unwrap()
    }

    #[test]
    fn the_document_has_every_route() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            paths,
            [
                "/agents",
                "/agents/invites",
                "/agents/invites/{id}",
                "/agents/pending",
                "/agents/{id}",
                "/agents/{id}/accept",
                "/agents/{id}/analyze",
                "/agents/{id}/execute",
                "/agents/{id}/reject",
                "/agents/{id}/revoke",
                "/analyses/{id}",
                "/approvals",
                "/audit",
                "/auth/oidc/callback",
                "/auth/oidc/login",
                "/commands",
                "/commands/{id}",
                "/commands/{id}/approve",
                "/commands/{id}/cancel",
                "/commands/{id}/deny",
                "/commands/{id}/events",
                "/commands/{id}/evidence",
                "/commands/{id}/output",
                "/healthz",
                "/logout",
                "/me",
                "/metrics",
                "/openapi.json",
                "/policy",
                "/policy/history",
                "/policy/test",
                "/readyz",
                "/session",
                "/sessions",
                "/sessions/{id}",
                "/token",
                "/tokens",
                "/tokens/{id}",
                "/users",
                "/users/{name}",
                "/users/{name}/password",
                "/ws",
                "/ws/ticket",
            ]
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a serde_json::Value, found: &mut Vec<&'a str>) {
            match value {
                serde_json::Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(|reference| reference.as_str()));
                    map.values().for_each(|value| references(value, found));
                }
                serde_json::Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn guarded_routes_say_so() {
        let document = document();
        for (path, methods) in document["paths"].as_object().unwrap() {
            // A WebSocket may log in later, by its first message.
            if path == "/ws" {
                continue;
            }
            let is_open = ["/token", "/healthz", "/readyz", "/metrics", "/openapi.json"].contains(&path.as_str());
            for (method, operation) in methods.as_object().unwrap() {
                let is_open = is_open || path.starts_with("/auth/oidc/") || (path == "/session" && method == "post");
                assert_eq!(operation.get("security").is_none(), is_open, "{method} {path}");
                assert!(is_open || operation["responses"].get("401").is_some(), "{path}");
            }
        }
    }
}
