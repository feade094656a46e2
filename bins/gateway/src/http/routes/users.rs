//! Receives wishes about people, gives people as they are then; never a password or its hash.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ogent_protocol::AuditKind;
use ogent_protocol::rest::{ChangeUser, CreateUser, SetPassword, UserList, UserView};
use ogent_runtime::Secret;

use crate::access::{Action, Resource, Role};
use crate::auth::LogInError;
use crate::http::Shared;
use crate::http::extract::{Caller, Id, JsonBody};
use crate::http::openapi::{BadBody, BadParameter, BrokerAway, Bugs, Guarded, NoUser, UserStays};
use crate::http::problem::{ApiError, Code};
use crate::limits::MAX_PASSWORD_BYTES;
use crate::people::{Account, ChangeError, Wish};

/// List all users
#[utoipa::path(
    get,
    path = "/users",
    tag = "users",
    security(("bearer" = [])),
    responses((status = 200, description = "Everybody who may log in, by name", body = UserList), Guarded, Bugs)
)]
pub(in crate::http) async fn list(State(services): State<Shared>, caller: Caller) -> Result<Json<UserList>, ApiError> {
    caller.must(Action::ListUsers)?;
    Ok(Json(UserList { users: services.people.list().iter().map(view).collect() }))
}

/// Add a user
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    security(("bearer" = [])),
    request_body(content = CreateUser, content_type = "application/json"),
    responses(
        (status = 201, description = "The user", body = UserView),
        Guarded,
        BadBody,
        UserStays,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn create(
    State(services): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<CreateUser>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    caller.must(Action::ManageUsers)?;
    let CreateUser { name, roles, password } = request;
    let by = &caller.principal().user;
    let account = services.people.add(by, &name, roles_of(&roles)?, Secret::new(password)).await?;
    caller.has_done(AuditKind::UserAdded, Some(&account.person.name));
    Ok((StatusCode::CREATED, Json(view(&account))))
}

/// Show one user
///
/// Everybody may see themselves.
#[utoipa::path(
    get,
    path = "/users/{name}",
    tag = "users",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "The user", body = UserView), Guarded, BadParameter, NoUser, Bugs)
)]
pub(in crate::http) async fn show(
    State(services): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<Json<UserView>, ApiError> {
    Ok(Json(view(&find(&services, &caller, &name)?)))
}

/// Change a user
///
/// Other roles, or disabled: then everything that the user has open ends at once. The last admin who can log in stays one.
#[utoipa::path(
    patch,
    path = "/users/{name}",
    tag = "users",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "Name of the user")),
    request_body(content = ChangeUser, content_type = "application/json"),
    responses(
        (status = 200, description = "The user", body = UserView),
        Guarded,
        BadBody,
        NoUser,
        UserStays,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn change(
    State(services): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    JsonBody(request): JsonBody<ChangeUser>,
) -> Result<Json<UserView>, ApiError> {
    let name = find(&services, &caller, &name)?.person.name;
    caller.must(Action::ManageUsers)?;
    let roles = request.roles.map(|roles| roles_of(&roles)).transpose()?.map(Wish::Roles);
    let wishes: Vec<Wish> = roles.into_iter().chain(request.disabled.map(Wish::Disabled)).collect();
    if wishes.is_empty() {
        return Err(ApiError::new(Code::InvalidRequest, "roles or disabled: one of them is needed"));
    }
    let kind = match request.disabled {
        Some(true) => AuditKind::UserDisabled,
        Some(false) => AuditKind::UserEnabled,
        None => AuditKind::UserChanged,
    };
    let account = services.people.change(&caller.principal().user, &name, wishes).await?;
    caller.has_done(kind, Some(&name));
    Ok(Json(view(&account)))
}

/// Remove a user
///
/// Everything that the user has open ends at once. The history keeps the name.
#[utoipa::path(
    delete,
    path = "/users/{name}",
    tag = "users",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "Name of the user")),
    responses(
        (status = 204, description = "There is no such user any more"),
        Guarded,
        BadParameter,
        NoUser,
        UserStays,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn remove(
    State(services): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<StatusCode, ApiError> {
    let name = find(&services, &caller, &name)?.person.name;
    caller.must(Action::ManageUsers)?;
    services.people.change(&caller.principal().user, &name, vec![Wish::Removed]).await?;
    caller.has_done(AuditKind::UserRemoved, Some(&name));
    Ok(StatusCode::NO_CONTENT)
}

/// Set a password
///
/// Who changes their own has to know the one before. Everything that the user has open ends at once.
#[utoipa::path(
    post,
    path = "/users/{name}/password",
    tag = "users",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "Name of the user")),
    request_body(content = SetPassword, content_type = "application/json"),
    responses(
        (status = 204, description = "It is the password now"),
        Guarded,
        BadBody,
        NoUser,
        UserStays,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn set_password(
    State(services): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    JsonBody(request): JsonBody<SetPassword>,
) -> Result<StatusCode, ApiError> {
    let account = find(&services, &caller, &name)?;
    let (name, user) = (&account.person.name, &caller.principal().user);
    if name == user {
        caller.may(Action::ChangePassword, &Resource::User(name))?;
        let current = request.current.filter(|current| current.len() <= MAX_PASSWORD_BYTES).unwrap_or_default();
        // Whoever has found an open session must not be able to guess on.
        match services.authority.prove(name, Secret::new(current), caller.origin()).await {
            Ok(_) => {}
            Err(LogInError::Wrong) => return Err(ApiError::new(Code::Forbidden, "current: is not your password")),
            Err(error) => return Err(error.into()),
        }
    } else {
        caller.must(Action::ManageUsers)?;
    }
    services.people.change(user, name, vec![Wish::Password(Secret::new(request.password))]).await?;
    caller.has_done(AuditKind::PasswordChanged, Some(name));
    Ok(StatusCode::NO_CONTENT)
}

/// The user of that name, if the principal may see them; else there is none.
fn find(services: &Shared, caller: &Caller, name: &str) -> Result<Account, ApiError> {
    let account = services.people.list_one(name);
    let seen = account.filter(|account| caller.sees(Action::ViewUser, &Resource::User(&account.person.name)));
    Ok(seen.ok_or_else(|| ChangeError::Unknown(name.to_owned()))?)
}

fn roles_of(words: &[String]) -> Result<Vec<Role>, ApiError> {
    if words.is_empty() {
        return Err(ApiError::new(Code::InvalidRequest, "roles: at least one is needed"));
    }
    let roles: Result<Vec<Role>, _> = words.iter().map(|word| word.parse()).collect();
    roles.map_err(|error| ApiError::new(Code::InvalidRequest, format!("roles: {error}")))
}

fn view(account: &Account) -> UserView {
    let Account { person, is_read_only, changed, .. } = account;
    let (changed_by, changed_at) = changed.clone().unzip();
    UserView {
        name: person.name.clone(),
        roles: person.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        disabled: person.disabled,
        read_only: *is_read_only,
        changed_by,
        changed_at,
    }
}
