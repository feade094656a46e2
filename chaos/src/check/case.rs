//! Receives the files of a run, gives them sorted by wish and by command.

use std::collections::BTreeMap;

use anyhow::Context as _;
use ogent_protocol::subject::{self, COMMANDS, RESULTS};
use ogent_protocol::{CommandId, Event, Intent, IntentWire};

use super::story::{Offer, Order, Stored, Story, Wish, Yes};
use crate::evidence::{
    Alive, ClientEvent, ClientLine, Evidence, FaultLine, Micros, Record, Run, Sample, Told, Witnessed,
};
use crate::witness::NONCE;

/// What is read.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) run: Run,
    pub(crate) witnessed: Vec<Witnessed>,
    pub(crate) client: Vec<ClientLine>,
    pub(crate) faults: Vec<FaultLine>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) alive: Vec<Alive>,
    pub(crate) ledger: Vec<Record>,
    pub(crate) told: Vec<Told>,
}

/// The same, sorted.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) run: Run,
    pub(crate) faults: Vec<FaultLine>,
    pub(crate) samples: Vec<Sample>,
    /// By time.
    pub(crate) alive: Vec<Alive>,
    pub(crate) wishes: BTreeMap<String, Wish>,
    pub(crate) stories: BTreeMap<CommandId, Story>,
    /// How many records there are of COMMANDS and of RESULTS, and sequences that are missing between them.
    pub(crate) streams: BTreeMap<String, Sequences>,
    /// Records that are not what they should be: stream, sequence, problem.
    pub(crate) unreadable: Vec<(String, u64, String)>,
    /// The last moment of which anything is known.
    pub(crate) seen_until: Micros,
}

/// The sequences of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sequences {
    pub(crate) records: u64,
    pub(crate) last: u64,
}

// === impl Files ===

impl Files {
    pub(crate) fn read(evidence: &Evidence) -> anyhow::Result<Self> {
        let run = std::fs::read(evidence.path("run.json")).context("run.json")?;
        Ok(Self {
            run: serde_json::from_slice(&run).context("run.json")?,
            witnessed: evidence.read("witness.jsonl")?,
            client: evidence.read("client.jsonl")?,
            faults: evidence.read("faults.jsonl")?,
            samples: evidence.read("samples.jsonl")?,
            alive: evidence.read("alive.jsonl")?,
            ledger: evidence.read("ledger.jsonl")?,
            told: evidence.read("gateways.jsonl")?,
        })
    }
}

// === impl Case ===

impl Case {
    pub(crate) fn new(files: Files) -> Self {
        let mut case = Self {
            seen_until: seen_until(&files),
            run: files.run,
            faults: files.faults,
            samples: files.samples,
            alive: files.alive,
            wishes: BTreeMap::new(),
            stories: BTreeMap::new(),
            streams: BTreeMap::new(),
            unreadable: Vec::new(),
        };
        case.faults.sort_by_key(|fault| fault.from);
        case.alive.sort_by_key(|alive| alive.at);
        files.client.into_iter().for_each(|line| case.hear(line));
        for witnessed in files.witnessed {
            let story = case.stories.entry(witnessed.command.clone()).or_default();
            story.nonce.get_or_insert_with(|| witnessed.nonce.clone());
            story.witnessed.push(witnessed);
        }
        let mut ledger = files.ledger;
        ledger.sort_by_key(|record| record.sequence);
        ledger.into_iter().for_each(|record| case.file(record));
        for told in files.told {
            case.stories.entry(told.command.clone()).or_default().told.push(told);
        }
        case.stories.values_mut().for_each(|story| story.witnessed.sort_by_key(|line| line.at));
        case
    }

    /// The wish that led to a command, if one did.
    pub(crate) fn wish(&self, story: &Story) -> Option<&Wish> {
        self.wishes.get(story.nonce.as_ref()?)
    }

    /// Whether what was acknowledged between these moments may be gone, because the store was set back.
    pub(crate) fn is_excused(&self, from: Micros, to: Micros) -> bool {
        let lost = self.faults.iter().filter_map(|fault| Some((fault.set_back_to?, fault.from.max(fault.to))));
        lost.into_iter().any(|(begin, end)| begin <= to && from <= end)
    }

    /// From the wish (or the first thing that is known) to the end, or the end of the run where there is none.
    pub(crate) fn life(&self, story: &Story) -> (Micros, Micros) {
        let offered = self.wish(story).and_then(|wish| wish.offer.as_ref()).map(|offer| offer.at);
        let begin = story.moments().chain(offered).min().unwrap_or(self.run.began);
        (begin, story.end().map_or(self.seen_until, |end| end.at))
    }

    /// Whether the clock of any agent or gateway was wrong for a time.
    pub(crate) fn has_wrong_clocks(&self) -> bool {
        self.run.scene == "clock" || self.faults.iter().any(|fault| fault.kind.starts_with("clock"))
    }

    /// Numbers of the gateways of which anything is known.
    pub(crate) fn gateways(&self) -> Vec<usize> {
        use crate::evidence::Way::{Nats, Queued, Rest};
        let offers = self.wishes.values().filter_map(|wish| wish.offer.as_ref());
        let asked = offers.filter_map(|offer| match offer.way {
            Rest { gateway } | Queued { gateway } => Some(gateway),
            Nats => None,
        });
        let told = self.stories.values().flat_map(|story| story.told.iter().map(|told| told.gateway));
        asked.chain(told).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    fn hear(&mut self, line: ClientLine) {
        let ClientLine { at, event } = line;
        match event {
            ClientEvent::Offer { nonce, agent, way, behaviour, timeout_s, start_within_s, max_output_bytes } => {
                let (timeout, start_by) = (micros(timeout_s), at + micros(start_within_s));
                let offer = Offer { at, agent, way, behaviour, timeout, start_by, max_output_bytes };
                self.wish_of(nonce).offer.get_or_insert(offer);
            }
            ClientEvent::Accepted { nonce, command, outcome, .. } => {
                self.wish_of(nonce.clone()).accepted.push(Yes { at, command: command.clone(), outcome });
                self.stories.entry(command).or_default().nonce.get_or_insert(nonce);
            }
            ClientEvent::Refused { nonce, status, code } => self.wish_of(nonce).refused.push((status, code)),
            ClientEvent::Unknown { nonce, .. } => self.wish_of(nonce).unknown += 1,
            ClientEvent::Cancelled { nonce, .. } => self.wish_of(nonce).cancels += 1,
            ClientEvent::Followed { command, gateway, numbers, ended } => {
                self.stories.entry(command).or_default().followed.push((gateway, numbers, ended));
            }
        }
    }

    fn wish_of(&mut self, nonce: String) -> &mut Wish {
        self.wishes.entry(nonce).or_default()
    }

    fn file(&mut self, record: Record) {
        let sequences = self.streams.entry(record.stream.clone()).or_default();
        sequences.records += 1;
        sequences.last = sequences.last.max(record.sequence);
        let (stream, sequence) = (record.stream.clone(), record.sequence);
        let filed = match stream.as_str() {
            COMMANDS => self.file_intent(record),
            RESULTS => self.file_event(record),
            _ => Err("a stream that is not Ogent's".to_owned()),
        };
        if let Err(problem) = filed {
            self.unreadable.push((stream, sequence, problem));
        }
    }

    fn file_intent(&mut self, record: Record) -> Result<(), String> {
        let (agent, command) = subject::parse_ledger(&record.subject).ok_or("a foreign subject")?;
        let wire: IntentWire = serde_json::from_value(record.payload).map_err(|error| error.to_string())?;
        let intent = wire.admit(|| command.clone()).map_err(|error| error.to_string())?;
        if *intent.id() != command {
            return Err("it names another command than its subject".to_owned());
        }
        let story = self.stories.entry(command).or_default();
        match intent {
            Intent::Cancel(_) => story.cancels.push(record.at),
            Intent::Run(run) => {
                if let Some(nonce) = run.env.get(NONCE) {
                    story.nonce.get_or_insert_with(|| nonce.clone());
                }
                story.orders.push(Order { at: record.at, sequence: record.sequence, agent, run: *run });
            }
        }
        Ok(())
    }

    fn file_event(&mut self, record: Record) -> Result<(), String> {
        let (agent, command) = subject::parse_ledger(&record.subject).ok_or("a foreign subject")?;
        let event: Event = serde_json::from_value(record.payload).map_err(|error| error.to_string())?;
        if event.agent != agent || event.command != command {
            return Err("it names another command or agent than its subject".to_owned());
        }
        let stored = Stored { at: record.at, sequence: record.sequence, event };
        self.stories.entry(command).or_default().events.push(stored);
        Ok(())
    }
}

fn micros(seconds: f64) -> Micros {
    (seconds * 1_000_000.0) as Micros
}

fn seen_until(files: &Files) -> Micros {
    let run = [Some(files.run.ended), files.run.idle_at, Some(files.run.faults_to)].into_iter().flatten();
    let alive = files.alive.iter().map(|alive| alive.at);
    let samples = files.samples.iter().map(|sample| sample.at);
    run.chain(alive).chain(samples).chain(files.client.iter().map(|line| line.at)).max().unwrap_or_default()
}
