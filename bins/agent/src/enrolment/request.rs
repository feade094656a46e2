//! Receives keys and a right to ask, gives the request that proves both, and what a registrar answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ogent_broker::credentials::{Key, KeyError, Name};
use ogent_broker::enroll::Registrars;
use ogent_broker::permissions::Role;
use ogent_broker::{Broker, ConnectError, ConnectOptions, Credentials};
use ogent_protocol::AgentId;
use ogent_protocol::enroll::{EnrollRequest, Ground, InvalidKey, Proof};
use rand::distr::{Alphanumeric, SampleString as _};

use super::files::Keys;
use crate::facts;

/// No request can be made of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// A key is none.
    #[error("a key of this agent cannot be used")]
    Key(#[from] KeyError),
    /// A public key is none.
    #[error("a key of this agent cannot be used")]
    Public(#[from] InvalidKey),
}

/// A request that both keys have signed.
pub(crate) fn request(
    ground: Ground,
    id: Option<AgentId>,
    labels: BTreeMap<String, String>,
    keys: &Keys,
) -> Result<EnrollRequest, RequestError> {
    let mut request = EnrollRequest {
        ground,
        id,
        key: keys.key.public().as_str().parse()?,
        signer: keys.signer.public().as_str().parse()?,
        facts: facts::all(),
        labels,
        nonce: Alphanumeric.sample_string(&mut rand::rng(), 32),
        proof: Proof { key: String::new(), signer: String::new() },
    };
    let statement = request.statement();
    let sign = |key: &Key| key.sign(&statement).map(|signature| URL_SAFE_NO_PAD.encode(signature));
    request.proof = Proof { key: sign(&keys.key)?, signer: sign(&keys.signer)? };
    Ok(request)
}

/// A connection that may ask registrars, and nothing else. `name` is what `jwt` calls its holder.
pub(crate) async fn connect(
    urls: &[String],
    ca: Option<PathBuf>,
    jwt: String,
    name: &AgentId,
) -> Result<(Broker, Registrars), ConnectError> {
    let role = Role::Enroll(Name::from(name.clone()));
    let credentials = Credentials::Bearer(jwt);
    let options = ConnectOptions {
        url: urls.join(","),
        api_prefix: credentials.api_prefix(&role).to_owned(),
        credentials,
        name: format!("ogent agent {name}, joining"),
        inbox_prefix: ogent_broker::permissions::inbox_prefix(&role),
        root_ca: ca,
    };
    let broker = Broker::connect(options).await?;
    let registrars = Registrars::new(&broker);
    Ok((broker, registrars))
}
