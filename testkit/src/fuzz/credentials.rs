//! Texts by which somebody proves something: join tokens, tokens of NATS, files with seeds, certificates of signers.

use jiff::Timestamp;
use ogent_broker::credentials::{Certificate, Creds, PublicKey, SignerFile, Trust, jwt};
use ogent_protocol::{GrantId, JoinToken};
use serde_json::Value;

use super::same::is_brief;

/// A text that may be any of these. None that its issuer has not signed counts, and no refusal quotes a secret.
pub fn credentials(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<JoinToken>() {
        Ok(token) => {
            assert_eq!(token.to_string().parse(), Ok(token.clone()));
            // In logs the secret does not stand; a short one may be part of a word.
            assert!(token.secret.len() < 16 || !format!("{token:?}").contains(&token.secret));
        }
        Err(error) => is_brief(&error),
    }
    if let Ok(id) = text.parse::<GrantId>() {
        assert_eq!(id.as_str(), text);
    }
    let nobody: [PublicKey; 0] = [];
    match jwt::decode::<Value>(text, &nobody) {
        Ok(_) => panic!("a token that nobody may have issued"),
        Err(error) => is_brief(&error),
    }
    if let Err(error) = jwt::decode_unverified::<Value>(text) {
        is_brief(&error);
    }
    let trust = Trust::parse(text);
    match Creds::parse(text) {
        Ok(creds) => {
            let again = creds.render().expect("what was read can be written");
            assert_eq!(Creds::parse(&again).expect("what we write is what we read").jwt, creds.jwt);
        }
        Err(error) => is_brief(&error),
    }
    if let Err(error) = SignerFile::parse(text) {
        is_brief(&error);
    }
    let Ok(trust) = trust else { return };
    assert!(Certificate::verify(text, &trust, Timestamp::UNIX_EPOCH).is_err(), "a list of keys is no certificate");
}
