//! Receives the text that an admin has given to a new machine, gives where to ask and by what right.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::InviteId;
use crate::limits;
use crate::wire::Encoding;

/// How every token begins; the number is its version.
pub const PREFIX: &str = "ogent-join-1.";

/// One right to ask for credentials. Whoever has it can ask, so it is a secret until it is used up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinToken {
    /// Where the broker is.
    pub urls: Vec<String>,
    /// The certificates that may sign the broker's, in PEM; the system's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The token for the broker: it lets one ask registrars, and nothing else.
    pub jwt: String,
    /// The invitation.
    pub invite: InviteId,
    /// That one was really invited.
    pub secret: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// Why a text is no such token. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It is longer than any.
    #[error("it is longer than {} bytes", limits::MAX_JOIN_TOKEN_BYTES)]
    TooLong,
    /// It does not begin like one.
    #[error("a token begins with '{PREFIX}': copy the whole line that 'ogent agents invite' has printed")]
    Prefix,
    /// It is broken.
    #[error("it is damaged: copy the whole line that 'ogent agents invite' has printed")]
    Damaged,
}

// === impl JoinToken ===

impl JoinToken {
    /// What the invite's token for the broker is called there, and so the first token of the subjects on which answers come.
    #[must_use]
    pub fn inbox_prefix(&self) -> String {
        inbox_prefix(&self.invite)
    }
}

/// Where answers come for somebody who asks with a token of that name.
#[must_use]
pub fn inbox_prefix(name: &InviteId) -> String {
    format!("_INBOX_enroll_{name}")
}

impl FromStr for JoinToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        // Before anything is looked at.
        if text.len() > limits::MAX_JOIN_TOKEN_BYTES {
            return Err(InvalidToken::TooLong);
        }
        let body = text.trim().strip_prefix(PREFIX).ok_or(InvalidToken::Prefix)?;
        let json = URL_SAFE_NO_PAD.decode(body).map_err(|_| InvalidToken::Damaged)?;
        // What serde says would quote the secret.
        let token: Self =
            Encoding::Json.decode(&json, limits::MAX_JOIN_TOKEN_BYTES).map_err(|_| InvalidToken::Damaged)?;
        let is_url = |url: &String| !url.is_empty() && !url.contains(|c: char| c.is_whitespace() || c.is_control());
        let is_sound = (1..=16).contains(&token.urls.len()) && token.urls.iter().all(is_url);
        if is_sound && !token.jwt.is_empty() && !token.secret.is_empty() {
            Ok(token)
        } else {
            Err(InvalidToken::Damaged)
        }
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken(invite {}, at {:?}, until {}, …)", self.invite, self.urls, self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> JoinToken {
        JoinToken {
            urls: vec!["tls://broker.example.org:4222".into()],
            ca: Some("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".into()),
            jwt: "eyJ.eyJ.sig".into(),
            invite: "i1".parse().unwrap(),
            secret: "s3cr3t".into(),
            expires: "2026-11-23T03:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn tokens_come_back() {
        let text = token().to_string();
        assert!(text.starts_with("ogent-join-1.") && !text.contains(char::is_whitespace));
        assert_eq!(format!("  {text}\n").parse::<JoinToken>().unwrap(), token());
    }

    #[test]
    fn secrets_do_not_show() {
        let shown = format!("{:?}", token());
        assert!(!shown.contains("s3cr3t") && !shown.contains("eyJ"), "{shown}");
        let damaged = token().to_string().replace('e', "!");
        assert!(!damaged.parse::<JoinToken>().unwrap_err().to_string().contains("ogent-join-1.ey"));
    }

    #[test]
    fn other_texts_are_refused() {
        let whole = token().to_string();
        let cut = &whole[..whole.len() - 4];
        assert_eq!(cut.parse::<JoinToken>(), Err(InvalidToken::Damaged));
        assert_eq!("eyJhbGciOi".parse::<JoinToken>(), Err(InvalidToken::Prefix));
        assert_eq!(whole.repeat(1000).parse::<JoinToken>(), Err(InvalidToken::TooLong));
        for urls in
            [vec![], vec![String::new()], vec!["a b".into()], vec!["nats://h\r\nX".into()], vec!["u".into(); 17]]
        {
            assert_eq!(JoinToken { urls, ..token() }.to_string().parse::<JoinToken>(), Err(InvalidToken::Damaged));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), json in "[{}\"a-z:,0-9\\[\\]]{0,80}") {
            let _ = text.parse::<JoinToken>();
            let _ = format!("{PREFIX}{text}").parse::<JoinToken>();
            let _ = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json)).parse::<JoinToken>();
        }
    }
}
