//! Receives flags about how browsers and clients reach the gateway, gives the checked form of them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use ogent_runtime::tls::TlsFiles;

use super::oidc::OidcArgs;
use crate::auth::OidcConfig;

/// How clients reach the gateway.
#[derive(Debug, Clone, clap::Args)]
pub struct WebArgs {
    /// Certificate with its chain, in PEM: the gateway speaks HTTPS. A new one is taken over without a restart
    #[arg(long, value_name = "FILE", env = "OGENT_TLS_CERT", value_parser = path)]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", env = "OGENT_TLS_KEY", value_parser = path)]
    pub tls_key: Option<PathBuf>,

    /// Speak plain HTTP even where others than this machine can connect: for a gateway behind a proxy that speaks TLS
    #[arg(long, env = "OGENT_INSECURE_HTTP", value_parser = FalseyValueParser::new())]
    pub insecure_http: bool,

    /// Where browsers find the gateway, like https://ogent.example.org; needed behind a proxy that browsers log in through
    #[arg(long, value_name = "URL", env = "OGENT_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Sign-in by OpenID Connect
    #[command(flatten)]
    pub oidc: OidcArgs,
}

/// How clients reach the gateway, checked. The default is plain HTTP for this machine only.
#[derive(Debug, Clone, Default)]
pub struct WebConfig {
    /// The certificate, where it speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// The origin of its own pages, where that is known.
    pub public_origin: Option<String>,
    /// Who else may say who somebody is.
    pub oidc: Option<OidcConfig>,
}

// === impl WebArgs ===

impl WebArgs {
    /// Checks everything. `listen` is `None` where that is wrong already.
    ///
    /// # Errors
    /// Names every mistake.
    pub(super) fn into_config(self, listen: Option<SocketAddr>) -> Result<WebConfig, Vec<String>> {
        let mut mistakes = Vec::new();
        let tls = tls(self.tls_cert, self.tls_key).map_err(|mistake| mistakes.push(mistake)).ok().flatten();
        if mistakes.is_empty()
            && tls.is_none()
            && !self.insecure_http
            && let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback())
        {
            mistakes.push(format!(
                "OGENT_LISTEN is {listen}, where others can connect, and what they send would not be encrypted: give \
                 --tls-cert and --tls-key; or, behind a proxy that speaks TLS, say --insecure-http (OGENT_INSECURE_HTTP=true)"
            ));
        }
        let public_origin = self.public_url.filter(|url| !url.is_empty()).map(|url| public_origin(&url)).transpose();
        let public_origin = public_origin.map_err(|mistake| mistakes.push(mistake)).ok().flatten();
        let oidc = self.oidc.into_config(public_origin.as_deref());
        let oidc = oidc.map_err(|more| mistakes.extend(more)).ok().flatten();
        match mistakes.is_empty() {
            true => Ok(WebConfig { tls, public_origin, oidc }),
            false => Err(mistakes),
        }
    }
}

/// Also an empty one, which [`tls`] takes for none.
fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

/// Compose files and units set a variable to nothing to say that there is none.
fn tls(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>, String> {
    let given = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
    match (given(cert), given(key)) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err("--tls-cert needs --tls-key (OGENT_TLS_KEY)".to_owned()),
        (None, Some(_)) => Err("--tls-key needs --tls-cert (OGENT_TLS_CERT)".to_owned()),
    }
}

fn public_origin(url: &str) -> Result<String, String> {
    let origin = url.trim_end_matches('/').to_ascii_lowercase();
    let wrong = |_| format!("--public-url is {url:?}, but must look like https://ogent.example.org, without a path");
    super::parse_origins(vec![origin.clone()]).map_err(wrong)?;
    Ok(origin)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        web: WebArgs,
    }

    fn config(listen: &str, words: &[&str]) -> Result<WebConfig, String> {
        let cli = Cli::try_parse_from([&["gateway"], words].concat()).unwrap();
        cli.web.into_config(Some(listen.parse().unwrap())).map_err(|mistakes| mistakes.join("\n"))
    }

    #[test]
    fn nothing_is_sent_unencrypted_over_a_network_unasked() {
        for loopback in ["127.0.0.1:8001", "[::1]:8001", "127.1.2.3:1"] {
            assert!(config(loopback, &[]).is_ok(), "{loopback}");
        }
        for open in ["0.0.0.0:8001", "[::]:8001", "192.0.2.1:8001"] {
            let error = config(open, &[]).unwrap_err();
            assert!(error.contains("--tls-cert") && error.contains("--insecure-http"), "{error}");
            assert!(config(open, &["--insecure-http"]).is_ok());
            assert!(config(open, &["--tls-cert", "a", "--tls-key", "b"]).unwrap().tls.is_some());
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        assert!(config("127.0.0.1:1", &["--tls-cert", "a"]).unwrap_err().contains("--tls-key"));
        assert!(config("127.0.0.1:1", &["--tls-key", "a"]).unwrap_err().contains("--tls-cert"));
        assert!(config("127.0.0.1:1", &["--tls-cert", "", "--tls-key", ""]).unwrap().tls.is_none());
        // Half of it is not a reason to speak plainly.
        assert!(config("0.0.0.0:1", &["--tls-cert", "a", "--tls-key", ""]).is_err());
    }

    #[test]
    fn the_public_url_is_an_origin() {
        let origin = |url| config("127.0.0.1:1", &["--public-url", url]).map(|web| web.public_origin);
        assert_eq!(origin("https://Ogent.example/"), Ok(Some("https://ogent.example".to_owned())));
        assert_eq!(origin(""), Ok(None));
        for bad in ["ogent.example", "https://a/b", "null", "*", "https://u@a"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
