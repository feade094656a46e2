//! Receives the headers of an upgrade, gives back whether the page that asks may connect.
//!
//! A browser lets any page open a WebSocket anywhere, and says only in `Origin` which page it is.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Whether there is no `Origin` (then it is no browser), or it is the gateway's own, or an allowed one.
pub(super) fn is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    if headers.get_all(ORIGIN).iter().count() > 1 {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else { return false };
    if allowed.contains(&origin) {
        return true;
    }
    // Whether TLS ends here or at a proxy is not known, so either scheme is the gateway's own.
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.zip(host).is_some_and(|(authority, host)| !host.is_empty() && authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(origin: &'static str, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert(HOST, host.parse().unwrap());
        is_allowed(&headers, &["https://console.example.org".to_owned()])
    }

    #[test]
    fn its_own_and_allowed_origins_may_connect() {
        assert!(is_allowed(&HeaderMap::new(), &[]));
        assert!(asked("http://127.0.0.1:8001", "127.0.0.1:8001"));
        assert!(asked("https://Ogent.example", "ogent.example"));
        assert!(asked("https://console.example.org", "ogent.example"));
    }

    #[test]
    fn no_other_page_may() {
        for (origin, host) in [
            ("https://evil.example", "ogent.example"),
            ("null", "ogent.example"),
            ("", ""),
            ("http://", ""),
            ("http://ogent.example.evil.example", "ogent.example"),
            ("http://127.0.0.1:9000", "127.0.0.1:8001"),
            ("https://console.example.org.evil.example", "ogent.example"),
            ("http://console.example.org", "ogent.example"),
            ("file://ogent.example", "ogent.example"),
        ] {
            assert!(!asked(origin, host), "{origin} at {host}");
        }
        let mut twice = HeaderMap::new();
        twice.append(ORIGIN, "http://a".parse().unwrap());
        twice.append(ORIGIN, "http://b".parse().unwrap());
        twice.insert(HOST, "a".parse().unwrap());
        assert!(!is_allowed(&twice, &[]));
    }
}
