//! Receives path, query and headers, gives routes ids and parameters.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::http::problem::{ApiError, Code};

/// The id in the path.
pub(in crate::http) struct Id<T>(pub(in crate::http) T);

/// The query. Unknown parameters are refused where `T` denies them.
pub(in crate::http) struct QueryOf<T>(pub(in crate::http) T);

// === impl Id ===

impl<S, T> FromRequestParts<S> for Id<T>
where
    S: Send + Sync,
    T: FromStr<Err: Display>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|rejection| wrong("the path", rejection.body_text()))?;
        text.parse().map(Self).map_err(|error| wrong("the id in the path", error))
    }
}

// === impl QueryOf ===

impl<S, T> FromRequestParts<S> for QueryOf<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(|rejection| wrong("the query", rejection.body_text()))
    }
}

/// The header of that name, if it is there.
pub(in crate::http) fn header<T>(headers: &HeaderMap, name: &'static str) -> Result<Option<T>, ApiError>
where
    T: FromStr<Err: Display>,
{
    let Some(value) = headers.get(name) else { return Ok(None) };
    if headers.get_all(name).iter().count() > 1 {
        return Err(wrong(name, "is there more than once"));
    }
    let text = value.to_str().map_err(|_| wrong(name, "is not visible ASCII"))?;
    text.parse().map(Some).map_err(|error| wrong(name, error))
}

/// How much a page shall hold: `default` when the request says nothing, `most` at most.
pub(in crate::http) fn page_size(limit: Option<usize>, default: usize, most: usize) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(default);
    match (1..=most).contains(&limit) {
        true => Ok(limit),
        false => Err(wrong("limit", format!("must be from 1 to {most}"))),
    }
}

fn wrong(what: &str, problem: impl Display) -> ApiError {
    ApiError::new(Code::InvalidParameter, format!("{what}: {problem}"))
}
