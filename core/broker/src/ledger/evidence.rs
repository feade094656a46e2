//! Receives an id, gives every record that the ledger holds of that command, byte by byte and unjudged.

use ogent_protocol::rest::{EvidencePage, EvidenceRecord};
use ogent_protocol::subject::{self, APPROVALS, COMMANDS, RESULTS};
use ogent_protocol::{AgentId, CommandId};

use super::Ledger;
use crate::direct::{Batch, Query, ReadError, Record};

/// Records on a page: with their payloads in base64, some megabytes at most (`direct` bounds the bytes).
const PAGE: u64 = 256;

// === impl Ledger ===

impl Ledger {
    /// A page of what the ledger holds of the command of this agent. Without `from`: approvals, intents, and the first events;
    /// else events from that sequence on. What does not belong there is given out like all else: who proves something has to
    /// see it.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn evidence(
        &self,
        agent: &AgentId,
        id: &CommandId,
        from: Option<u64>,
    ) -> Result<EvidencePage, ReadError> {
        let mut records = Vec::new();
        if from.is_none() {
            for (stream, subject) in
                [(APPROVALS, subject::approval(agent, id)), (COMMANDS, subject::command(agent, id))]
            {
                let batch = self.evidence_batch(stream, subject, 1).await?;
                if batch.more {
                    // Each holds a few messages about one command. More, and somebody has filled it: nothing fits then.
                    tracing::warn!(command = %id, stream, "more records about one command than belong there");
                }
                records.extend(batch.records.into_iter().map(|record| exhibit(stream, record)));
            }
        }
        let first = from.unwrap_or(1).max(1);
        let batch = self.evidence_batch(RESULTS, subject::result(agent, id), first).await?;
        let next = (batch.more && batch.through >= first).then_some(batch.through + 1);
        records.extend(batch.records.into_iter().map(|record| exhibit(RESULTS, record)));
        Ok(EvidencePage { command: id.clone(), records, next })
    }

    async fn evidence_batch(&self, stream: &str, subject: String, seq: u64) -> Result<Batch, ReadError> {
        let query = Query { seq: Some(seq), next_by_subj: Some(subject), batch: PAGE, ..Query::default() };
        self.broker.read(stream, &query).await
    }
}

fn exhibit(stream: &str, record: Record) -> EvidenceRecord {
    let is_telling = |name: &str| name.eq_ignore_ascii_case("Content-Type") || name.starts_with("Ogent-");
    let headers = record.headers.iter().filter(|(name, _)| is_telling(name.as_ref()));
    let headers = headers.flat_map(|(name, values)| {
        values.iter().map(move |value| (AsRef::<str>::as_ref(name).to_owned(), value.as_str().to_owned()))
    });
    EvidenceRecord {
        stream: stream.to_owned(),
        sequence: record.sequence,
        time: record.stored_at,
        subject: record.subject,
        headers: headers.collect(),
        payload: EvidenceRecord::encode(&record.payload),
    }
}
