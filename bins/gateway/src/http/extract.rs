//! Receives the raw parts of a request from axum, gives routes typed ones, or a problem that names what is wrong.

mod body;
mod caller;
mod from;
mod params;

pub(super) use body::{Form, JsonBody, OptionalJsonBody};
pub(super) use caller::{Caller, bearer};
pub(super) use from::From;
pub(super) use params::{Id, QueryOf, header};
