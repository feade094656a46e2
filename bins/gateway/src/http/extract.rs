//! Receives the raw parts of a request from axum, gives routes typed ones, or a problem that names what is wrong.

mod body;
mod caller;
pub(super) mod cookie;
mod from;
mod params;

pub(super) use body::{Form, JsonBody, OptionalJsonBody, SmallJsonBody};
pub(super) use caller::{Caller, Purpose, identify};
pub(super) use from::From;
pub(super) use params::{Id, QueryOf, header, page_size};
