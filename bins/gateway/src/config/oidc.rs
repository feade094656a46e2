//! Receives flags about the OpenID provider, gives the checked form of them.

use ogent_runtime::secret_from_env;

use crate::access::Role;
use crate::auth::OidcConfig;

/// Which OpenID provider may say who somebody is, and what that makes of them.
#[derive(Debug, Clone, clap::Args)]
pub struct OidcArgs {
    /// OpenID provider, as its discovery document names it; turns sign-in by OpenID Connect on
    #[arg(long, value_name = "URL", env = "OGENT_OIDC_ISSUER")]
    pub oidc_issuer: Option<String>,

    /// What the provider knows the gateway as. Its secret comes from OGENT_OIDC_CLIENT_SECRET or OGENT_OIDC_CLIENT_SECRET_FILE
    #[arg(long, value_name = "ID", env = "OGENT_OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,

    /// Claim of the ID token with what somebody is
    #[arg(long, value_name = "CLAIM", env = "OGENT_OIDC_ROLE_CLAIM", default_value = "groups")]
    pub oidc_role_claim: String,

    /// Gives a role to those whose claim has a value, like operator=staff; may be repeated. Whoever gets none is not let in
    #[arg(long = "oidc-role", value_name = "ROLE=VALUE", env = "OGENT_OIDC_ROLES", value_delimiter = ',')]
    pub oidc_roles: Vec<String>,

    /// Claim of the ID token that names the user; take one that users cannot choose themselves
    #[arg(long, value_name = "CLAIM", env = "OGENT_OIDC_USERNAME_CLAIM", default_value = "sub")]
    pub oidc_username_claim: String,

    /// More scopes to ask for beside openid
    #[arg(long = "oidc-scope", value_name = "SCOPE", env = "OGENT_OIDC_SCOPES", value_delimiter = ',')]
    pub oidc_scopes: Vec<String>,
}

// === impl OidcArgs ===

impl OidcArgs {
    /// Checks everything, and reads the client's secret.
    ///
    /// # Errors
    /// Names every mistake.
    pub(super) fn into_config(self, public_origin: Option<&str>) -> Result<Option<OidcConfig>, Vec<String>> {
        let Some(issuer) = self.oidc_issuer.filter(|issuer| !issuer.is_empty()) else { return Ok(None) };
        let mut mistakes = Vec::new();
        let mut no = |mistake: String| mistakes.push(mistake);
        if !may_be_asked(&issuer) {
            no(format!("--oidc-issuer is {issuer:?}, but must be an https URL without query or fragment"));
        }
        let client_id = self.oidc_client_id.filter(|id| !id.is_empty());
        if client_id.is_none() {
            no("--oidc-issuer needs --oidc-client-id".to_owned());
        }
        if public_origin.is_none() {
            no("--oidc-issuer needs --public-url: the provider sends browsers back there".to_owned());
        }
        let client_secret = secret_from_env("OGENT_OIDC_CLIENT_SECRET").map_err(|error| no(error.to_string())).ok();
        let roles: Vec<_> = self.oidc_roles.iter().filter(|text| !text.is_empty()).map(|text| mapping(text)).collect();
        let roles: Result<Vec<_>, _> = roles.into_iter().collect();
        let roles = roles.map_err(&mut no).unwrap_or_default();
        if roles.is_empty() {
            no("--oidc-issuer needs an --oidc-role: without one nobody is let in".to_owned());
        }
        match (client_id, public_origin, client_secret) {
            (Some(client_id), Some(origin), Some(client_secret)) if mistakes.is_empty() => Ok(Some(OidcConfig {
                issuer,
                client_id,
                client_secret,
                redirect_uri: format!("{origin}/auth/oidc/callback"),
                role_claim: self.oidc_role_claim,
                roles,
                username_claim: self.oidc_username_claim,
                scopes: self.oidc_scopes.into_iter().filter(|scope| !scope.is_empty()).collect(),
            })),
            _ => Err(mistakes),
        }
    }
}

/// Whether secrets may be sent there: encrypted, or without leaving this machine.
pub(crate) fn may_be_asked(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_bare && url.query().is_none() && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}

fn mapping(text: &str) -> Result<(Role, String), String> {
    let parsed = text.split_once('=').and_then(|(role, value)| {
        let role = role.trim().parse().ok()?;
        (!value.is_empty()).then(|| (role, value.to_owned()))
    });
    parsed.ok_or_else(|| format!("--oidc-role is {text:?}, but must look like operator=staff"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> OidcArgs {
        OidcArgs {
            oidc_issuer: Some("https://id.example".to_owned()),
            oidc_client_id: Some("ogent".to_owned()),
            oidc_role_claim: "groups".to_owned(),
            oidc_roles: vec!["operator=staff".to_owned()],
            oidc_username_claim: "sub".to_owned(),
            oidc_scopes: Vec::new(),
        }
    }

    #[test]
    fn it_is_whole_or_refused() {
        let origin = Some("https://ogent.example");
        let config = args().into_config(origin).unwrap().unwrap();
        assert_eq!(config.redirect_uri, "https://ogent.example/auth/oidc/callback");
        assert_eq!(config.roles, [(Role::Operator, "staff".to_owned())]);
        assert!(OidcArgs { oidc_issuer: None, ..args() }.into_config(None).unwrap().is_none());
        let no = |args: OidcArgs| args.into_config(origin).unwrap_err().join("\n");
        assert!(args().into_config(None).unwrap_err()[0].contains("--public-url"));
        assert!(no(OidcArgs { oidc_client_id: None, ..args() }).contains("--oidc-client-id"));
        assert!(no(OidcArgs { oidc_roles: Vec::new(), ..args() }).contains("nobody is let in"));
        for role in ["king=x", "operator", "operator=", "=staff"] {
            assert!(no(OidcArgs { oidc_roles: vec![role.to_owned()], ..args() }).contains("must look like"), "{role}");
        }
    }

    #[test]
    fn secrets_are_sent_encrypted_or_not_at_all() {
        for good in ["https://id.example", "https://id.example/realms/a", "http://127.0.0.1:1", "http://[::1]:1/"] {
            assert!(may_be_asked(good), "{good}");
        }
        for bad in ["http://id.example", "http://localhost.evil.example", "https://u:p@a", "https://a?b", "ftp://a", ""]
        {
            assert!(!may_be_asked(bad), "{bad}");
        }
    }
}
