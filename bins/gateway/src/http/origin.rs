//! Receives the headers of a request, gives back which page of a browser has sent it, and whether that may.
//!
//! A browser lets any page send requests anywhere, with the cookies of wherever that is. It says only in `Origin` and
//! `Sec-Fetch-Site` which page it was, and no page can change these.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method};

use crate::sites::Sites;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request says of the page that it comes from.
#[derive(Debug, PartialEq, Eq)]
enum Said<'a> {
    Nothing,
    This(&'a str),
    /// More than one, or not text.
    Nonsense,
}

/// Whether a WebSocket may come about: there is no `Origin` (then it is no browser), or it is the gateway's own, or an
/// allowed one.
pub(super) fn may_connect(headers: &HeaderMap, sites: &Sites) -> bool {
    match said(headers, &ORIGIN) {
        Said::Nothing => true,
        Said::This(origin) => {
            let origin = origin.to_ascii_lowercase();
            sites.is_allowed(&origin) || sites.is_own(&origin, host(headers))
        }
        Said::Nonsense => false,
    }
}

/// Whether a WebSocket may come about by a cookie, which the browser adds by itself: from the gateway's own pages alone.
pub(super) fn may_connect_by_cookie(headers: &HeaderMap, sites: &Sites) -> bool {
    let is_same_site = matches!(said(headers, &SEC_FETCH_SITE), Said::Nothing | Said::This("same-origin"));
    is_same_site && is_own(headers, sites)
}

/// Whether a cookie counts, which the browser adds by itself. What changes something has to come from the gateway's own pages
/// for certain; what only reads must not come from others: they could not see the answer, but might see how long it takes.
pub(super) fn may_use_cookie(method: &Method, headers: &HeaderMap, sites: &Sites) -> bool {
    if !method.is_safe() {
        return is_from_own_page(headers, sites);
    }
    matches!(said(headers, &SEC_FETCH_SITE), Said::Nothing | Said::This("same-origin" | "none"))
        && (said(headers, &ORIGIN) == Said::Nothing || is_own(headers, sites))
}

/// Whether the request was certainly sent by one of the gateway's own pages.
pub(super) fn is_from_own_page(headers: &HeaderMap, sites: &Sites) -> bool {
    match said(headers, &SEC_FETCH_SITE) {
        Said::This("same-origin") => said(headers, &ORIGIN) == Said::Nothing || is_own(headers, sites),
        Said::Nothing => is_own(headers, sites),
        Said::This(_) | Said::Nonsense => false,
    }
}

/// The origin, if it is an allowed one, as it was written.
pub(super) fn allowed<'a>(headers: &'a HeaderMap, sites: &Sites) -> Option<&'a str> {
    match said(headers, &ORIGIN) {
        Said::This(origin) => sites.is_allowed(&origin.to_ascii_lowercase()).then_some(origin),
        Said::Nothing | Said::Nonsense => None,
    }
}

fn is_own(headers: &HeaderMap, sites: &Sites) -> bool {
    match said(headers, &ORIGIN) {
        Said::This(origin) => sites.is_own(&origin.to_ascii_lowercase(), host(headers)),
        Said::Nothing | Said::Nonsense => false,
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST).and_then(|host| host.to_str().ok())
}

fn said<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Said<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Nonsense, Said::This),
        (Some(_), Some(_)) => Said::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type List<'a> = &'a [(&'static str, &'static str)];

    fn headers(list: List<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        list.iter().for_each(|(name, value)| _ = headers.append(*name, value.parse().unwrap()));
        headers
    }

    fn sites(own: Option<&str>, encrypted: bool) -> Sites {
        Sites::new(own.map(str::to_owned), encrypted, vec!["https://console.example.org".to_owned()])
    }

    fn connects(origin: &'static str, host: &'static str) -> bool {
        may_connect(&headers(&[("origin", origin), ("host", host)]), &sites(None, false))
    }

    #[test]
    fn its_own_and_allowed_origins_may_connect() {
        assert!(may_connect(&HeaderMap::new(), &sites(None, false)));
        assert!(connects("http://127.0.0.1:8001", "127.0.0.1:8001"));
        assert!(connects("https://Ogent.example", "ogent.example"));
        assert!(connects("https://console.example.org", "ogent.example"));
    }

    #[test]
    fn no_other_page_may() {
        for (origin, host) in [
            ("https://evil.example", "ogent.example"),
            ("null", "ogent.example"),
            ("null", "null"),
            ("", ""),
            ("http://", ""),
            ("http://ogent.example.evil.example", "ogent.example"),
            ("http://evilogent.example", "ogent.example"),
            ("http://127.0.0.1:9000", "127.0.0.1:8001"),
            ("http://127.0.0.1:8001.evil.example", "127.0.0.1:8001"),
            ("https://console.example.org.evil.example", "ogent.example"),
            ("https://console.example.org:8443", "ogent.example"),
            ("https://console.example.org@evil.example", "ogent.example"),
            ("https://evil.example/https://console.example.org", "ogent.example"),
            ("https://xconsole.example.org", "ogent.example"),
            ("http://console.example.org", "ogent.example"),
            ("file://ogent.example", "ogent.example"),
        ] {
            assert!(!connects(origin, host), "{origin} at {host}");
        }
        let twice = headers(&[("origin", "http://a"), ("origin", "http://b"), ("host", "a")]);
        assert!(!may_connect(&twice, &sites(None, false)));
    }

    #[test]
    fn with_tls_the_same_host_without_it_is_somebody_else() {
        let plain = headers(&[("origin", "http://ogent.example"), ("host", "ogent.example")]);
        let encrypted = headers(&[("origin", "https://ogent.example"), ("host", "ogent.example")]);
        assert!(!may_connect(&plain, &sites(None, true)) && may_connect(&encrypted, &sites(None, true)));
        // A known origin does not depend on what the client says the host is.
        let known = sites(Some("https://ogent.example"), false);
        let rebound = headers(&[("origin", "http://evil.example"), ("host", "evil.example")]);
        assert!(may_connect(&encrypted, &known) && !may_connect(&plain, &known) && !may_connect(&rebound, &known));
    }

    #[test]
    fn cookies_count_on_requests_of_the_own_pages_only() {
        let sites = sites(None, true);
        let host = ("host", "ogent.example");
        let own = ("origin", "https://ogent.example");
        let foreign = ("origin", "https://console.example.org");
        let site = |value| ("sec-fetch-site", value);
        // (headers, whether it may read, whether it may write, whether it may connect)
        let table: [(List, [bool; 3]); 13] = [
            (&[host], [true, false, false]),
            (&[host, own], [true, true, true]),
            (&[host, site("same-origin")], [true, true, false]),
            (&[host, own, site("same-origin")], [true, true, true]),
            (&[host, site("none")], [true, false, false]),
            (&[host, site("same-site")], [false, false, false]),
            (&[host, site("cross-site")], [false, false, false]),
            (&[host, own, site("cross-site")], [false, false, false]),
            // Allowed origins have to bring a token: cookies are for the own pages.
            (&[host, foreign], [false, false, false]),
            (&[host, foreign, site("same-origin")], [false, false, false]),
            (&[host, ("origin", "null")], [false, false, false]),
            (&[host, own, site("same-origin"), site("same-origin")], [false, false, false]),
            (&[host, own, site("Same-Origin")], [false, false, false]),
        ];
        for (list, expected) in table {
            let headers = headers(list);
            let found = [
                may_use_cookie(&Method::GET, &headers, &sites),
                may_use_cookie(&Method::POST, &headers, &sites),
                may_connect_by_cookie(&headers, &sites),
            ];
            assert_eq!(found, expected, "{list:?}");
            for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::from_bytes(b"ODD").unwrap()] {
                assert_eq!(may_use_cookie(&method, &headers, &sites), expected[1], "{method} {list:?}");
            }
        }
    }
}
