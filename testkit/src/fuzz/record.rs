//! Heartbeats and descriptions of agents: what an agent writes into its records.

use ogent_protocol::{AgentInfo, Encoding, Heartbeat, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::same::{ends_where_it_ends, is_brief, survives};

/// A record of an agent, in either encoding.
pub fn record(data: &[u8]) {
    for encoding in [Encoding::Json, Encoding::MsgPack] {
        read::<Heartbeat>(data, encoding);
        read::<AgentInfo>(data, encoding);
    }
}

fn read<T: Serialize + DeserializeOwned>(data: &[u8], encoding: Encoding) {
    match encoding.decode::<T>(data, limits::MAX_PAYLOAD_BYTES) {
        Ok(record) => {
            ends_where_it_ends::<T>(encoding, data);
            survives(&record);
        }
        Err(error) => is_brief(&error),
    }
}
