//! Receives the bytes of a body within bounds of size and time, gives routes what they mean.

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use ogent_protocol::wire::brief;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::timeout;

use crate::http::problem::{ApiError, Code};
use crate::limits::{BODY_TIMEOUT, MAX_BODY_BYTES, MAX_FORM_BYTES};

/// A body in JSON.
pub(in crate::http) struct JsonBody<T>(pub(in crate::http) T);

/// A body in JSON that strangers may send.
pub(in crate::http) struct SmallJsonBody<T>(pub(in crate::http) T);

/// A body in JSON, or none at all.
pub(in crate::http) struct OptionalJsonBody<T>(pub(in crate::http) T);

/// A body as an HTML form.
pub(in crate::http) struct Form<T>(pub(in crate::http) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        expect_type(request.headers(), "application/json")?;
        from_json(&read(request.into_body(), MAX_BODY_BYTES).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for SmallJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        expect_type(request.headers(), "application/json")?;
        from_json(&read(request.into_body(), MAX_FORM_BYTES).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, MAX_BODY_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        expect_type(&parts.headers, "application/json")?;
        from_json(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        expect_type(request.headers(), "application/x-www-form-urlencoded")?;
        let (parts, body) = request.into_parts();
        let bytes = read(body, MAX_FORM_BYTES).await?;
        let request = Request::from_parts(parts, Body::from(bytes));
        match axum::Form::from_request(request, state).await {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::new(Code::InvalidRequest, rejection.body_text())),
        }
    }
}

/// A form on a page of another site can send only types that no route takes here, and is refused with this.
fn expect_type(headers: &HeaderMap, wanted: &str) -> Result<(), ApiError> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case(wanted) {
        true => Ok(()),
        false => Err(ApiError::new(Code::UnsupportedMediaType, format!("send the body as Content-Type: {wanted}"))),
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::new(Code::TooLarge, format!("a body has at most {limit} bytes here"));
    // What says beforehand that it is too large is not waited for.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|least| least > limit) {
        return Err(too_large());
    }
    let bytes = timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await;
    match bytes {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(ApiError::new(Code::MalformedBody, format!("the body broke off: {error}"))),
        Err(_) => Err(ApiError::new(Code::BodyTimeout, format!("a body may take {} seconds", BODY_TIMEOUT.as_secs()))),
    }
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let value = serde_json::from_slice(bytes).map_err(|error| {
        let code = match error.classify() {
            Category::Data => Code::InvalidRequest,
            Category::Syntax | Category::Eof | Category::Io => Code::MalformedBody,
        };
        ApiError::new(code, brief(&error))
    })?;
    // serde also takes the fields of a struct as an array, in the order of their declaration. Nobody means that.
    match bytes.trim_ascii_start().first() {
        Some(b'{') => Ok(value),
        _ => Err(ApiError::new(Code::InvalidRequest, "the body must be a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use ogent_protocol::rest::{CancelRequest, ExecuteRequest};

    use super::*;

    fn request(content_type: &str, body: impl Into<Body>) -> Request {
        Request::builder().header(CONTENT_TYPE, content_type).body(body.into()).unwrap()
    }

    async fn refusal(content_type: &str, body: impl Into<Body>) -> (StatusCode, String) {
        match JsonBody::<ExecuteRequest>::from_request(request(content_type, body), &()).await {
            Ok(_) => (StatusCode::OK, String::new()),
            Err(error) => {
                let response = error.into_response();
                let status = response.status();
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                (status, String::from_utf8(bytes.to_vec()).unwrap())
            }
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_body_is_told_apart() {
        for (content_type, body, status) in [
            ("application/json; charset=utf-8", r#"{"command":"a"}"#, 200),
            ("text/plain", r#"{"command":"a"}"#, 415),
            ("application/json", r#"{"command":"#, 400),
            ("application/json", "", 400),
            ("application/json", r#"{"command":"a"} x"#, 400),
            ("application/json", r#"{"command":1}"#, 422),
            ("application/json", "[]", 422),
            ("application/json", r#"["uptime"]"#, 422),
        ] {
            assert_eq!(refusal(content_type, body).await.0, status, "{content_type} {body}");
        }
        let (status, body) = refusal("application/json", r#"{"comand":"a"}"#).await;
        assert!(status == 422 && body.contains("comand"), "{body}");
    }

    #[tokio::test]
    async fn an_error_does_not_repeat_the_body() {
        let body = format!(r#"{{"{}":1}}"#, "x".repeat(MAX_BODY_BYTES / 2));
        let (status, body) = refusal("application/json", body).await;
        assert!(status == 422 && body.contains("unknown field `xx") && body.len() < 1000, "{} bytes", body.len());
    }

    #[tokio::test]
    async fn a_body_is_bounded() {
        let large = format!(r#"{{"command":"{}"}}"#, "x".repeat(MAX_BODY_BYTES));
        assert_eq!(refusal("application/json", large).await.0, 413);
    }

    #[tokio::test]
    async fn a_body_may_be_missing_where_it_is_optional() {
        let empty = Request::builder().body(Body::empty()).unwrap();
        assert!(OptionalJsonBody::<CancelRequest>::from_request(empty, &()).await.is_ok());
        let untyped = Request::builder().body(Body::from("{}")).unwrap();
        assert!(OptionalJsonBody::<CancelRequest>::from_request(untyped, &()).await.is_err());
    }
}
