//! Receives the `Cookie` header, gives the secrets that the gateway has put into a browser; gives answers what puts them there.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use ogent_runtime::Secret;

use crate::http::problem::{ApiError, Code};

/// A cookie of the gateway. The prefix makes browsers refuse it from any other host, and without encryption.
pub(in crate::http) struct CookieName {
    name: &'static str,
    /// Whether it comes along when a page of another site leads here: strictly not, or as far as following a link.
    same_site: &'static str,
}

/// Who is logged in.
pub(in crate::http) const SESSION: CookieName = CookieName { name: "__Host-ogent-session", same_site: "Strict" };

/// What a sign-in at the OpenID provider began with: it comes back by a link of the provider's.
pub(in crate::http) const SIGN_IN: CookieName = CookieName { name: "__Host-ogent-oidc", same_site: "Lax" };

// === impl CookieName ===

impl CookieName {
    /// The value that a browser has sent.
    ///
    /// # Errors
    /// When there are several: the gateway sets one, so somebody else has set another.
    pub(in crate::http) fn read(&self, headers: &HeaderMap) -> Result<Option<Secret>, ApiError> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(Secret::new(value.to_owned()))),
            (Some(_), Some(_)) => {
                Err(ApiError::new(Code::InvalidParameter, format!("the cookie {} is there more than once", self.name)))
            }
        }
    }

    /// What `Set-Cookie` says to keep `secret`, until the browser ends or for so many seconds.
    pub(in crate::http) fn keep(&self, secret: &Secret, seconds: Option<u64>) -> Result<HeaderValue, ApiError> {
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text = format!("{}={}{}{age}", self.name, secret.expose(), self.attributes());
        let mut value = HeaderValue::from_str(&text)
            .map_err(|error| ApiError::new(Code::Internal, "the cookie cannot be written").because(error))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// What `Set-Cookie` says to forget it.
    pub(in crate::http) fn forget(&self) -> Result<HeaderValue, ApiError> {
        self.keep(&Secret::new(String::new()), Some(0))
    }

    fn attributes(&self) -> String {
        format!("; Path=/; Secure; HttpOnly; SameSite={}", self.same_site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        lines.iter().for_each(|line| _ = headers.append(COOKIE, HeaderValue::from_static(line)));
        SESSION.read(&headers).map(|found| found.map(|secret| secret.expose().to_owned())).map_err(drop)
    }

    #[test]
    fn one_cookie_of_that_name_is_read() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a=b; __Host-ogent-session=x; c"]), Ok(Some("x".to_owned())));
        assert_eq!(read(&["ogent-session=x; x__Host-ogent-session=y; __host-ogent-session=z"]), Ok(None));
        assert_eq!(read(&["__Host-ogent-session=x; __Host-ogent-session=y"]), Err(()));
        assert_eq!(read(&["__Host-ogent-session=x", "__Host-ogent-session=x"]), Err(()));
    }

    #[test]
    fn cookies_are_set_for_this_host_and_no_script() {
        let secret = Secret::new("abc".to_owned());
        let kept = SESSION.keep(&secret, None).unwrap();
        assert_eq!(kept, "__Host-ogent-session=abc; Path=/; Secure; HttpOnly; SameSite=Strict");
        assert!(!format!("{kept:?}").contains("abc"));
        let gone = SIGN_IN.forget().unwrap();
        assert_eq!(gone, "__Host-ogent-oidc=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
