//! Receives ids and chance, gives tokens that mean nothing to anybody but the gateways, and reads them back.
//!
//! `ogr_` (refresh) and `ogt_` (API) and hexadecimal digits: the id, what all refresh tokens of a session share, the
//! secret, and a checksum, by which scanners tell a token that has leaked from any other text: `og[rt]_[0-9a-f]{136}`.

use data_encoding::HEXLOWER;
use ogent_protocol::GrantId;
use ogent_protocol::session::Digest;
use ogent_runtime::Secret;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const REFRESH: &str = "ogr_";
const API: &str = "ogt_";

const ID: usize = 32;
const FAMILY: usize = 32;
const SECRET: usize = 64;
const CHECK: usize = 8;

/// A token that came, and whose form is right.
pub(super) struct Opaque {
    pub(super) id: GrantId,
    family: String,
    secret: String,
}

// === impl Opaque ===

impl Opaque {
    /// A refresh token for a new session.
    pub(super) fn first(id: GrantId) -> Self {
        Self { id, family: chance().chars().take(FAMILY).collect(), secret: chance() }
    }

    /// The next refresh token of the same session; or an API token.
    pub(super) fn next(&self) -> Self {
        Self { id: self.id.clone(), family: self.family.clone(), secret: chance() }
    }

    /// What is kept of the part that all tokens of a session share.
    pub(super) fn family(&self) -> Digest {
        Digest::of(self.family.as_bytes())
    }

    /// What is kept of the secret.
    pub(super) fn secret(&self) -> Digest {
        Digest::of(self.secret.as_bytes())
    }

    /// As its owner gets it.
    pub(super) fn show(&self) -> Secret {
        let prefix = if self.id.is_session() { REFRESH } else { API };
        let id = self.id.as_str().get(2..).unwrap_or_default();
        let text = format!("{prefix}{id}{}{}", self.family, self.secret);
        let check = check(&text);
        Secret::new(text + &check)
    }

    /// Reads a refresh token.
    pub(super) fn read_refresh(text: &str) -> Option<Self> {
        Self::read(text, REFRESH, "s-")
    }

    /// Reads an API token.
    pub(super) fn read_api(text: &str) -> Option<Self> {
        Self::read(text, API, "t-")
    }

    fn read(text: &str, prefix: &str, kind: &str) -> Option<Self> {
        if text.len() != prefix.len() + ID + FAMILY + SECRET + CHECK {
            return None;
        }
        let digits = text.strip_prefix(prefix)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return None;
        }
        let (whole, found) = text.split_at_checked(text.len() - CHECK)?;
        if check(whole) != found {
            return None;
        }
        let (id, rest) = digits.split_at_checked(ID)?;
        let (family, rest) = rest.split_at_checked(FAMILY)?;
        let secret = rest.get(..SECRET)?;
        Some(Self { id: format!("{kind}{id}").parse().ok()?, family: family.to_owned(), secret: secret.to_owned() })
    }
}

/// Whether an API token may be in this text.
pub(super) fn looks_like_api(text: &str) -> bool {
    text.starts_with(API)
}

/// Whether two digests are the same; takes the same time wherever they differ.
pub(super) fn is_same(one: &Digest, other: &Digest) -> bool {
    bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

/// 256 bits. As digits, because every token is to have one form that scanners find.
fn chance() -> String {
    HEXLOWER.encode(&rand::rng().random::<[u8; SECRET / 2]>())
}

fn check(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes())).chars().take(CHECK).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_are_shown() {
        let refresh = Opaque::first(GrantId::new_session());
        let text = refresh.show();
        let read = Opaque::read_refresh(text.expose()).unwrap();
        assert_eq!((&read.id, read.family(), read.secret()), (&refresh.id, refresh.family(), refresh.secret()));
        assert!(Opaque::read_api(text.expose()).is_none());
        let next = read.next();
        assert!(is_same(&next.family(), &refresh.family()) && !is_same(&next.secret(), &refresh.secret()));
        let api = Opaque::first(GrantId::new_token()).show();
        assert!(Opaque::read_api(api.expose()).is_some() && Opaque::read_refresh(api.expose()).is_none());
        assert!(looks_like_api(api.expose()));
    }

    #[test]
    fn anything_else_is_refused() {
        let text = Opaque::first(GrantId::new_token()).show().expose().to_owned();
        let other_digit = if text.ends_with('0') { "1" } else { "0" };
        for bad in [
            String::new(),
            "ogt_".to_owned(),
            text[..text.len() - 1].to_owned(),
            format!("{}{other_digit}", &text[..text.len() - 1]),
            format!("{text}0"),
            text.to_uppercase(),
            text.replace("ogt_", "ogr_"),
            format!("ogt_{}", "ä".repeat(68)),
            "x".repeat(1 << 20),
        ] {
            assert!(Opaque::read_api(&bad).is_none(), "{}", bad.len());
        }
    }
}
