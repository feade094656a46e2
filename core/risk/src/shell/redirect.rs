//! Follows redirections: what a command reads, and what becomes of what it prints.

use ogent_protocol::verdict::{EffectKind, Provenance, Span, TargetClass};
use rable::{Node, NodeKind as K};

use crate::data::Data;
use crate::judge::Judge;
use crate::place::Standpoint;
use crate::report::Deed;
use crate::word::Word;

/// Where a command reads from and prints to, beside its pipes.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    pub(super) stdin: Option<Data>,
    /// Files that its output goes to.
    outputs: Vec<(Word, bool)>,
    /// Whether one of its files is a connection.
    pub(super) network: bool,
    /// Whether it reads from or prints to another open file of the shell.
    pub(super) duplicates: bool,
    /// Whether its standard output goes elsewhere than into the pipe.
    captured: bool,
}

impl Judge<'_> {
    /// Follows something with its redirections around it.
    pub(super) fn redirected(
        &mut self,
        redirects: &[Node],
        span: Span,
        stdin: &Data,
        follow: impl FnOnce(&mut Self, &Data) -> Data,
    ) -> Data {
        if redirects.is_empty() {
            return follow(self, stdin);
        }
        let found = self.redirects(redirects, span, stdin);
        let before = self.connected;
        self.connected |= found.network;
        let data = follow(self, found.stdin.as_ref().unwrap_or(stdin));
        self.connected = before;
        self.settle(found, data, span)
    }

    pub(super) fn redirects(&mut self, nodes: &[Node], span: Span, stdin: &Data) -> Redirects {
        let mut found = Redirects::default();
        for node in nodes {
            match &node.kind {
                K::Redirect { op, target, fd, .. } => {
                    if let K::Word { value, .. } = &target.kind {
                        let place = if target.span.is_empty() { span } else { self.span(target) };
                        self.redirect(op, value, *fd, place, stdin, &mut found);
                    }
                }
                K::HereDoc { content, quoted, fd, .. } => {
                    let text = if *quoted {
                        Word::literal(content.as_str(), span)
                    } else {
                        self.expand_document(content, span, stdin)
                    };
                    if *fd <= 0 {
                        found.stdin = Some(Data::word(text));
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn redirect(&mut self, op: &str, raw: &str, fd: i32, span: Span, stdin: &Data, found: &mut Redirects) {
        let reads = op.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('<');
        if op.contains("<<<") {
            let mut word = self.expand_one(raw, span, stdin);
            word.text.push('\n');
            found.stdin = Some(Data::word(word));
            return;
        }
        let word = self.expand_one(raw, span, stdin);
        if op.ends_with('&') && (word.text.bytes().all(|b| b.is_ascii_digit() || b == b'-') || raw.starts_with('&')) {
            found.duplicates |= word.text != "1" && word.text != "2" && word.text != "-";
            found.duplicates |= reads;
            return;
        }
        if raw.starts_with('&') {
            found.duplicates |= reads || !matches!(raw, "&1" | "&2" | "&-");
            return;
        }
        let class = self.standpoint.locate(&word).class;
        if class == TargetClass::Network {
            found.network = true;
            self.pipe.network = true;
            let kind = if reads { EffectKind::NetworkFetch } else { EffectKind::NetworkSend };
            self.add(Deed::new(kind, span).on(class, word.shown()));
            if reads {
                found.stdin = Some(Data::unknown(Provenance::Network));
            }
            return;
        }
        if reads {
            let data = self.read_file(&word, span);
            if fd <= 0 {
                found.stdin = Some(data);
            }
            if op == "<>" {
                found.outputs.push((word, true));
            }
            return;
        }
        let appends = op.contains(">>");
        let stdout = fd == 1 || fd < 0 || op.starts_with('&') || op == ">" || op == ">>" || op == ">|";
        found.captured |= stdout && fd != 2;
        self.write_file(&word, !appends, span);
        if fd != 2 {
            found.outputs.push((word, appends));
        }
    }

    /// What is left for the pipe when the files have got theirs.
    pub(super) fn settle(&mut self, found: Redirects, data: Data, span: Span) -> Data {
        for (word, appends) in &found.outputs {
            if let Some(name) = self.file_name(word) {
                if name.starts_with("/etc/cron") || name.starts_with("/var/spool/cron") {
                    self.jobs(&data, span);
                }
                let before = if *appends { self.files.remove(&name) } else { None };
                let all = before.map_or_else(|| data.clone(), |before| before.then(data.clone()));
                self.keep_file(name, all);
            }
        }
        if found.captured { Data::nothing() } else { data }
    }

    /// The name under which a file's content is kept.
    pub(crate) fn file_name(&self, word: &Word) -> Option<String> {
        word.known().filter(|text| !text.is_empty() && !word.glob && *text != "/dev/null")?;
        Some(self.standpoint.locate(word).path)
    }

    pub(crate) fn keep_file(&mut self, name: String, data: Data) {
        if self.files.len() < 256 {
            self.files.insert(name, data);
        }
    }

    /// What a file holds, as far as the command itself has written it.
    pub(crate) fn read_file(&mut self, word: &Word, span: Span) -> Data {
        let known = self.file_name(word).and_then(|name| self.files.get(&name).cloned());
        let place = self.standpoint.locate(word);
        let secret = matches!(place.class, TargetClass::Credentials | TargetClass::History);
        if secret {
            let deed = Deed::new(EffectKind::SecretRead, span).on(place.class, word.shown());
            self.add(deed);
        }
        match known {
            Some(data) => data,
            None if word.is("/dev/null") => Data::nothing(),
            None if word.text.starts_with("/dev/tcp/") || word.text.starts_with("/dev/udp/") => {
                Data::unknown(Provenance::Network)
            }
            None => Data { secret, ..Data::unknown(Provenance::File) },
        }
    }

    /// Tells that a file is written.
    pub(crate) fn write_file(&mut self, word: &Word, replaces: bool, span: Span) {
        let kind = if replaces { EffectKind::Overwrite } else { EffectKind::Write };
        self.touch(kind, word, false, span);
    }

    /// Tells that something is done to a place in the file system.
    pub(crate) fn touch(&mut self, kind: EffectKind, word: &Word, recursive: bool, span: Span) {
        self.add(self.deed(kind, word, recursive, span));
    }

    /// What is done to a place, with the kind that fits the place better where there is one.
    pub(crate) fn deed(&self, kind: EffectKind, word: &Word, recursive: bool, span: Span) -> Deed {
        let deed = self.deed_at(&self.standpoint, kind, word, recursive, span);
        if self.standpoint.others.is_empty() || word.prefix().starts_with(['/', '~']) {
            return deed;
        }
        // Of the folders that it may be in, the worst counts.
        let elsewhere = self.standpoint.others.iter().map(|cwd| {
            let standpoint = Standpoint { cwd: cwd.clone(), others: Vec::new(), home: self.standpoint.home.clone() };
            self.deed_at(&standpoint, kind, word, recursive, span)
        });
        elsewhere.fold(deed, |worst, other| if other.level > worst.level { other } else { worst })
    }

    fn deed_at(&self, standpoint: &Standpoint, kind: EffectKind, word: &Word, recursive: bool, span: Span) -> Deed {
        use EffectKind as E;
        use TargetClass as T;
        let mut place = standpoint.locate(word);
        if matches!(kind, E::Write | E::Overwrite)
            && place.class == T::Home
            && place.path.trim_matches('/').contains('/')
        {
            // What is put into somebody's home is a file in it.
            place.class = T::HomeFile;
        }
        let changes = matches!(kind, E::Write | E::Overwrite | E::Delete);
        // What is done to each thing below a folder is done to the folder.
        let recursive = recursive || place.below && word.holes.iter().any(|hole| hole.below);
        let better = match place.class {
            T::Log if changes => E::LogTampering,
            T::History if changes => E::HistoryTampering,
            T::Startup if matches!(kind, E::Write | E::Overwrite) => E::Persistence,
            T::Device if matches!(kind, E::Write | E::Overwrite) => E::RawDevice,
            T::Credentials | T::History if kind == E::Read => E::SecretRead,
            _ => kind,
        };
        let own = crate::level::of(kind, place.class, word.provenance(), recursive);
        let other = crate::level::of(better, place.class, word.provenance(), recursive);
        let mut level = own.max(other);
        if self.away > 0 && recursive && kind == E::Delete {
            // Whose files these are, nobody sees from here.
            level = level.max(ogent_protocol::RiskLevel::High);
        }
        match place.class {
            T::HomeFile if changes && place.path.starts_with("/root/") && standpoint.home != "/root" => {
                level = level.max(ogent_protocol::RiskLevel::High);
            }
            T::HomeFile if kind == E::Delete && place.below => level = level.max(ogent_protocol::RiskLevel::High),
            T::Device if kind == E::Read && !crate::place::is_disk(&place.path) => {
                level = ogent_protocol::RiskLevel::Low
            }
            _ => {}
        }
        let critical_file = [
            "/etc/ld.so.preload",
            "/etc/passwd",
            "/etc/sudoers",
            "/proc/sysrq-trigger",
            "/proc/sys/kernel/core_pattern",
        ];
        if changes && critical_file.contains(&place.path.as_str()) {
            level = ogent_protocol::RiskLevel::Critical;
        }
        Deed { recursive, ..Deed::new(better, span).on(place.class, word.shown()).from(word.provenance()).at(level) }
    }
}
