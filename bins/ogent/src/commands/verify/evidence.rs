//! Receives where records come from, gives them to a proof, page by page.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use ogent_broker::sign::Verifier;
use ogent_broker::sign::proof::{Proof, Report};
use ogent_protocol::CommandId;
use ogent_protocol::rest::EvidencePage;
use serde_json::de::IoRead;
use serde_json::{Deserializer, StreamDeserializer};

use crate::client::Client;

/// Who hands the records over.
pub(super) enum Source {
    /// A gateway.
    Gateway(Box<Client>),
    /// A file that was kept before: one page behind the other.
    File(Box<StreamDeserializer<'static, IoRead<BufReader<File>>, EvidencePage>>),
}

// === impl Source ===

impl Source {
    pub(super) fn gateway(client: Client) -> Self {
        Self::Gateway(Box::new(client))
    }

    pub(super) fn file(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Self::File(Box::new(Deserializer::from_reader(BufReader::new(file)).into_iter())))
    }

    /// Proves one command; with `save`, keeps what was handed over.
    pub(super) async fn prove(
        &mut self,
        verifier: &Verifier,
        id: Option<&CommandId>,
        save: Option<&Path>,
    ) -> anyhow::Result<Report> {
        let mut file =
            save.map(|path| File::create_new(path).with_context(|| format!("{} cannot be made", path.display())));
        let mut kept = file.take().transpose()?;
        let Some(first) = self.page(id, None).await? else { bail!("the file holds no records") };
        let id = id.unwrap_or(&first.command).clone();
        let mut proof = Proof::new(verifier.clone(), id.clone());
        let mut page = Some(first);
        while let Some(now) = page {
            ensure!(now.command == id, "the records are those of the command {}, not of {id}", now.command);
            if let Some(kept) = &mut kept {
                writeln!(kept, "{}", serde_json::to_string(&now)?).context("the records cannot be kept")?;
            }
            now.records.iter().for_each(|record| proof.see(record));
            page = match now.next {
                // Whoever hands them over must not keep us for ever with nothing.
                Some(_) if now.records.is_empty() => bail!("an empty page is not the last one"),
                Some(next) => Some(self.page(Some(&id), Some(next)).await?.context("the last records are missing")?),
                None => None,
            };
        }
        if let Self::File(pages) = self {
            // Silence about the rest would read as if that were proved, too.
            ensure!(
                pages.next().is_none(),
                "the file holds more than the records of {id}; verify one command at a time"
            );
        }
        Ok(proof.finish(Timestamp::now()))
    }

    async fn page(&mut self, id: Option<&CommandId>, from: Option<u64>) -> anyhow::Result<Option<EvidencePage>> {
        match self {
            Self::Gateway(client) => {
                let id = id.context("which command? give its id")?;
                Ok(Some(client.evidence(id, from).await?))
            }
            Self::File(pages) => pages.next().transpose().context("the file does not hold records"),
        }
    }
}
