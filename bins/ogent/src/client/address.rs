//! Where a gateway is.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The URL of a gateway: `http` or `https`, perhaps with a path in front of the API's own, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayUrl(Url);

/// Why a text is not the URL of a gateway.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL, or not one of HTTP.
    #[error("a gateway's URL looks like http://127.0.0.1:8001")]
    Form,
    /// It carries more than the place.
    #[error("a gateway's URL has no user, password, query or fragment (a token comes from `ogent login`)")]
    Extra,
}

// === impl GatewayUrl ===

impl GatewayUrl {
    /// The URL of something that the gateway has.
    #[must_use]
    pub fn join(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        // Only URLs without a host have no path, and those are not let in.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Whether what is sent there never leaves this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether nobody on the way can read what is sent there.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl FromStr for GatewayUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(text).map_err(|_| InvalidUrl::Form)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(InvalidUrl::Form);
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidUrl::Extra);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for GatewayUrl {
    /// Without a slash at the end, so that one gateway has one name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gateway_has_one_name() {
        for (text, name) in [
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
            ("http://127.0.0.1:8001/", "http://127.0.0.1:8001"),
            ("HTTPS://Ogent.Example:443/api/", "https://ogent.example/api"),
        ] {
            assert_eq!(text.parse::<GatewayUrl>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn paths_are_joined() {
        let join = |url: &str| url.parse::<GatewayUrl>().unwrap().join(&["agents", "a/b"]).to_string();
        assert_eq!(join("http://h:1"), "http://h:1/agents/a%2Fb");
        assert_eq!(join("https://h/api/"), "https://h/api/agents/a%2Fb");
        assert_eq!(join("https://h/api"), "https://h/api/agents/a%2Fb");
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "127.0.0.1:8001", "localhost:8001", "ftp://h", "http://", "mailto:a@b"] {
            assert_eq!(bad.parse::<GatewayUrl>(), Err(InvalidUrl::Form), "{bad}");
        }
        for bad in ["http://u@h", "http://u:p@h", "http://h/?a=b", "http://h/#x"] {
            assert_eq!(bad.parse::<GatewayUrl>(), Err(InvalidUrl::Extra), "{bad}");
        }
    }

    #[test]
    fn loopback_is_known() {
        for (url, is_loopback) in [
            ("http://127.0.0.1:8001", true),
            ("http://localhost", true),
            ("http://[::1]:8001", true),
            ("http://10.0.0.1", false),
            ("http://example.org", false),
        ] {
            assert_eq!(url.parse::<GatewayUrl>().unwrap().is_loopback(), is_loopback, "{url}");
        }
    }
}
