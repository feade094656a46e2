//! Receives the parts of a request, gives routes for strangers where it came from.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::auth::Origin;
use crate::http::client::origin_of;

/// Where the request came from.
pub(in crate::http) struct From(pub(in crate::http) Origin);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(origin_of(parts)))
    }
}
