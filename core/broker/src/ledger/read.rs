//! Receives ids, gives what the ledger holds about them.

use std::collections::HashMap;

use futures::Stream;
use ogent_protocol::subject::{self, COMMANDS, RESULTS};
use ogent_protocol::{AgentId, CommandId, Intent, Link, Purpose, SignerRole};

use super::Ledger;
use super::record::{self, CommandRecord, LastEvent, StoredEvent};
use crate::direct::{Batch, MAX_BATCH, Query, ReadError, Record};
use crate::sign::seal_in;

/// Messages about one command that are looked at: its intent, its cancellation, and what does not belong there.
const MAX_ABOUT_ONE: u64 = 16;

impl Ledger {
    /// The command with this id, whichever agent it is for.
    ///
    /// # Errors
    /// When the broker does not answer, or what it holds cannot be read.
    pub async fn find(&self, id: &CommandId) -> Result<Option<CommandRecord>, ReadError> {
        let query = Query { multi_last: vec![subject::command_of_any(id)], batch: MAX_BATCH, ..Query::default() };
        let last = self.broker.read(COMMANDS, &query).await?.records;
        // Two agents could have been given one id by hand: the older one has it.
        let Some(last) = last.into_iter().min_by_key(|record| record.sequence) else { return Ok(None) };
        let query = Query { seq: Some(1), next_by_subj: Some(last.subject), batch: MAX_ABOUT_ONE, ..Query::default() };
        let mut found: Option<CommandRecord> = None;
        for record in self.broker.read(COMMANDS, &query).await?.records {
            match (record::intent(&record), &mut found) {
                (Ok((agent, Intent::Run(run))), None) => {
                    found = Some(CommandRecord {
                        agent,
                        run: *run,
                        sequence: record.sequence,
                        last_sequence: record.sequence,
                        stored_at: record.stored_at,
                        cancel: None,
                    });
                }
                (Ok((_, Intent::Cancel(cancel))), Some(found)) => {
                    found.last_sequence = record.sequence;
                    // An agent would not heed another's; and it must not keep anybody from a wish that counts.
                    if self.is_gateway_s(&record) {
                        found.cancel.get_or_insert(cancel);
                    }
                }
                (Ok(_), _) => {}
                // One bad record must not hide the others; but what is written next has to come behind it.
                (Err(error), found) => {
                    tracing::warn!(%error, "skipped a record of the ledger");
                    if let Some(found) = found {
                        found.last_sequence = record.sequence;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether a gateway has signed the intent; where no keys are known, the broker is believed.
    fn is_gateway_s(&self, record: &Record) -> bool {
        let Some(verifier) = &self.verifier else { return true };
        let Ok(Some(seal)) = seal_in(&record.headers) else { return false };
        let by = verifier.verify(Purpose::Intent, &record.payload, &seal, None, record.stored_at);
        by.is_ok_and(|by| by.role == SignerRole::Gateway)
    }

    /// The latest event of a command. An agent may ask for its own.
    ///
    /// # Errors
    /// When the broker does not answer, or what it holds cannot be read.
    pub async fn last_event(&self, agent: &AgentId, id: &CommandId) -> Result<Option<StoredEvent>, ReadError> {
        Ok(self.last_of(agent, id).await?.map(|last| last.stored))
    }

    /// The same, with what ties the next one to it.
    ///
    /// # Errors
    /// When the broker does not answer, or what it holds cannot be read.
    pub async fn last_of(&self, agent: &AgentId, id: &CommandId) -> Result<Option<LastEvent>, ReadError> {
        let Some(last) = self.broker.last(RESULTS, &subject::result(agent, id)).await? else { return Ok(None) };
        match record::event(&last) {
            Ok(stored) => Ok(Some(LastEvent { stored, link: Some(Link::to(&last.payload)) })),
            Err(error) => {
                tracing::warn!(%error, "looking for the last event before a bad record");
                let stored = self.last_good_event(agent, id).await?;
                Ok(stored.map(|stored| LastEvent { stored, link: None }))
            }
        }
    }

    /// The first event of a command: its claim, or its end where it was never claimed.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn first_event(&self, agent: &AgentId, id: &CommandId) -> Result<Option<StoredEvent>, ReadError> {
        let next_by_subj = Some(subject::result(agent, id));
        let query = Query { seq: Some(1), next_by_subj, batch: 1, ..Query::default() };
        let first = self.broker.read(RESULTS, &query).await?.records.into_iter().next();
        // What was led there is told by those who read all of it.
        Ok(first.and_then(|first| record::event(&first).ok()))
    }

    async fn last_good_event(&self, agent: &AgentId, id: &CommandId) -> Result<Option<StoredEvent>, ReadError> {
        let (mut last, mut next) = (None, Some(1));
        while let Some(seq) = next {
            let page = self.events_page(subject::result(agent, id), seq).await?;
            last = page.events.into_iter().next_back().or(last);
            next = page.next;
        }
        Ok(last)
    }

    /// The latest events of several commands.
    ///
    /// # Errors
    /// When the broker does not answer, or what it holds cannot be read.
    pub async fn last_events(
        &self,
        keys: &[(AgentId, CommandId)],
    ) -> Result<HashMap<CommandId, StoredEvent>, ReadError> {
        let mut found = HashMap::with_capacity(keys.len());
        let per_request = usize::try_from(MAX_BATCH / 4).unwrap_or(1);
        for some in keys.chunks(per_request) {
            let mut subjects: Vec<_> = some.iter().map(|(agent, id)| subject::result(agent, id)).collect();
            // A batch may end early at its bound in bytes: then ask again for those that did not come.
            while !subjects.is_empty() {
                let query = Query { multi_last: subjects.clone(), batch: MAX_BATCH, ..Query::default() };
                let batch = self.broker.read(RESULTS, &query).await?;
                for last in &batch.records {
                    let Some((agent, id)) = subject::parse_ledger(&last.subject) else { continue };
                    let event = match record::event(last) {
                        Ok(event) => Some(event),
                        Err(_) => self.last_good_event(&agent, &id).await?,
                    };
                    found.extend(event.map(|event| (id, event)));
                }
                if !batch.more || batch.records.is_empty() {
                    break;
                }
                subjects.retain(|subject| batch.records.iter().all(|last| last.subject != *subject));
            }
        }
        Ok(found)
    }

    /// The events of a command that are stored now, from number `from_n` on.
    pub fn read_events<'a>(
        &'a self,
        agent: &'a AgentId,
        id: &'a CommandId,
        from_n: u64,
    ) -> impl Stream<Item = Result<StoredEvent, ReadError>> + use<'a> {
        let subject = subject::result(agent, id);
        futures::stream::try_unfold((Some(1), std::collections::VecDeque::new()), move |(mut next, mut page)| {
            let subject = subject.clone();
            async move {
                loop {
                    if let Some(event) = page.pop_front() {
                        return Ok(Some((event, (next, page))));
                    }
                    let Some(seq) = next else { return Ok(None) };
                    let batch = self.events_page(subject.clone(), seq).await?;
                    next = batch.next;
                    page.extend(batch.events.into_iter().filter(|stored| stored.event.n >= from_n));
                }
            }
        })
    }

    /// One page of events on `subject` (which may have wildcards) from sequence `seq` of the stream on.
    pub(super) async fn events_page(&self, subject: String, seq: u64) -> Result<EventPage, ReadError> {
        let query = Query { seq: Some(seq.max(1)), next_by_subj: Some(subject), batch: MAX_BATCH, ..Query::default() };
        let Batch { records, more, through } = self.broker.read(RESULTS, &query).await?;
        let next = (more && through >= seq).then_some(through + 1);
        let read = |found: &crate::direct::Record| {
            // One bad record must not hide all others.
            record::event(found).inspect_err(|error| tracing::warn!(%error, "skipped an event of the ledger")).ok()
        };
        Ok(EventPage { events: records.iter().filter_map(read).collect(), next })
    }
}

pub(super) struct EventPage {
    pub(super) events: Vec<StoredEvent>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<u64>,
}
