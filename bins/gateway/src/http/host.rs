//! Receives requests before their route, refuses those that do not say plainly which host they are for.
//!
//! RFC 9112, section 3.2, asks for this: where two hosts are named, a proxy may go by one and the gateway by the other.
//! hyper leaves it to us.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::{ApiError, Code};

pub(super) async fn is_named(request: Request, next: Next) -> Response {
    // HTTP/1.0 did not have it, and simple probes still speak that.
    let may_be_missing = request.version() < Version::HTTP_11;
    match check(request.headers(), may_be_missing) {
        Ok(()) => next.run(request).await,
        Err(problem) => ApiError::new(Code::InvalidParameter, format!("host: {problem}")).into_response(),
    }
}

fn check(headers: &HeaderMap, may_be_missing: bool) -> Result<(), &'static str> {
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        (None, _) if may_be_missing => Ok(()),
        (None, _) => Err("is missing"),
        (Some(_), Some(_)) => Err("is there more than once"),
        (Some(value), None) if value.is_empty() || is_authority(value.as_bytes()) => Ok(()),
        (Some(_), None) => Err("is not a host"),
    }
}

fn is_authority(bytes: &[u8]) -> bool {
    // A user name is part of an authority, but not of a host.
    !bytes.contains(&b'@') && Authority::try_from(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(hosts: &[&'static str], may_be_missing: bool) -> Result<(), &'static str> {
        let mut headers = HeaderMap::new();
        hosts.iter().for_each(|host| _ = headers.append(HOST, host.parse().unwrap()));
        check(&headers, may_be_missing)
    }

    #[test]
    fn exactly_one_host_is_named() {
        for host in ["localhost", "127.0.0.1:8001", "[::1]:8001", "ogent_gateway:8001", "ogent.example", ""] {
            assert_eq!(checked(&[host], false), Ok(()), "{host}");
        }
        for host in ["a b", "a/b", "http://a", "user@a", "a,b c", "a?b"] {
            assert_eq!(checked(&[host], false), Err("is not a host"), "{host}");
        }
        assert_eq!(checked(&["a", "b"], true), Err("is there more than once"));
        assert_eq!(checked(&["a", "a"], false), Err("is there more than once"));
        assert_eq!(checked(&[], false), Err("is missing"));
        assert_eq!(checked(&[], true), Ok(()));
    }
}
