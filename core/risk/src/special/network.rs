//! `nc`, `socat`, `telnet`, `openssl`: programs that connect what they read and print with the network.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span, TargetClass};

use crate::data::Data;
use crate::judge::Judge;
use crate::report::Deed;
use crate::rules::{Parsed, Program};
use crate::word::Word;

impl Judge<'_> {
    fn connects(&mut self, stdin: &Data, target: &str, span: Span) -> Data {
        self.pipe.network = true;
        if !stdin.nothing {
            self.sent(stdin.secret, stdin.text.is_none() && stdin.source >= Provenance::File, target, span);
        }
        self.add(Deed::new(EffectKind::NetworkFetch, span).on(TargetClass::Network, target));
        Data::unknown(Provenance::Network)
    }

    pub(crate) fn netcat(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let takes = [
            "-e",
            "-c",
            "--exec",
            "--sh-exec",
            "--lua-exec",
            "-p",
            "--source-port",
            "-s",
            "--source",
            "-w",
            "--wait",
            "-i",
            "--idle-timeout",
            "-q",
            "-x",
            "--proxy",
            "-X",
            "-T",
            "-I",
            "-O",
            "-g",
            "-G",
            "-P",
            "-m",
            "-M",
            "-d",
            "--delay",
        ];
        let program =
            Program { takes: takes.iter().map(|option| (*option).to_owned()).collect(), ..Program::default() };
        let parsed = Parsed::new(&program, args);
        if parsed.has_any(&["-h", "--help", "--version"]) {
            return Data::unknown(Provenance::CommandOutput);
        }
        if let Some(code) = parsed.value(&["-e", "--exec", "-c", "--sh-exec", "--lua-exec"]).cloned() {
            self.add(Deed::new(EffectKind::RemoteShell, span).because("lets whoever connects run a program"));
            self.aside(|judge| judge.run_text(&code, &Data::unknown(Provenance::Network), span));
        }
        if parsed.has("-z") {
            return Data::unknown(Provenance::CommandOutput);
        }
        let target = parsed.words().map(Word::shown).collect::<Vec<_>>().join(":");
        if parsed.has_any(&["-l", "--listen"]) {
            let deed = Deed::new(EffectKind::NetworkListen, span).at(RiskLevel::High);
            self.add(deed.because("waits for anybody to connect"));
        } else if self.connected || parsed.has("-U") {
            self.pipe.network = true;
        }
        self.connects(stdin, &target, span)
    }

    pub(crate) fn telnet(&mut self, args: &[Word], span: Span) -> Data {
        self.pipe.network = true;
        let target =
            args.iter().filter(|word| !word.text.starts_with('-')).map(Word::shown).collect::<Vec<_>>().join(":");
        self.add(Deed::new(EffectKind::NetworkFetch, span).on(TargetClass::Network, target));
        Data::unknown(Provenance::Network)
    }

    pub(crate) fn socat(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let addresses: Vec<Word> =
            args.iter().filter(|word| !word.text.starts_with('-') || word.is("-")).cloned().collect();
        let kind = |word: &Word| word.text.split([':', ',']).next().unwrap_or_default().to_ascii_lowercase();
        let mut network = false;
        let mut listens = false;
        for word in &addresses {
            let name = kind(word);
            let is_net = ["tcp", "udp", "openssl", "ssl", "sctp", "socks", "proxy", "ip", "vsock"]
                .iter()
                .any(|known| name.starts_with(known));
            network |= is_net;
            listens |= name.contains("recv") || is_net && (name.contains("listen") || name.ends_with("-l"));
        }
        let controls = addresses
            .iter()
            .any(|word| kind(word).starts_with("unix") || word.text.starts_with('/') && word.text.ends_with(".sock"));
        if let (true, Some(text)) = (controls, stdin.plain().filter(|_| !stdin.nothing)) {
            // Whoever listens at a socket of the machine takes orders: what they say is judged by their words.
            let words: Vec<Word> = text.split_whitespace().take(8).map(|word| Word::literal(word, span)).collect();
            self.by_verbs(words.iter(), &words, crate::rules::Does::Print, span);
        }
        for word in &addresses {
            let name = kind(word);
            let body = word.split_once(':').map(|(_, rest)| rest).unwrap_or_default();
            let code = Word {
                text: body.text.split(',').next().unwrap_or_default().trim_matches(['\'', '"']).to_owned(),
                holes: Vec::new(),
                ..body.clone()
            };
            match name.as_str() {
                "exec" | "system" | "shell" => {
                    if network {
                        self.add(Deed::new(EffectKind::RemoteShell, span));
                    }
                    self.aside(|judge| judge.run_text(&code, &Data::unknown(Provenance::Network), span));
                }
                "open" | "create" | "file" | "gopen" | "creat" => {
                    let writes = word.text.contains("creat")
                        || addresses.len() > 1 && addresses.get(1).is_some_and(|second| second == word);
                    self.touch(if writes { EffectKind::Overwrite } else { EffectKind::Read }, &code, false, span);
                    if network && !writes {
                        let secret = self.is_secret(&code);
                        self.sent(secret, true, "", span);
                    }
                }
                _ => {}
            }
        }
        if listens {
            self.add(
                Deed::new(EffectKind::NetworkListen, span).at(RiskLevel::High).because("waits for anybody to connect"),
            );
        }
        match network {
            true => self.connects(stdin, &addresses.iter().map(Word::shown).collect::<Vec<_>>().join(" "), span),
            false => Data::unknown(Provenance::CommandOutput),
        }
    }

    pub(crate) fn openssl(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let takes = [
            "-in",
            "-out",
            "-connect",
            "-engine",
            "-port",
            "-accept",
            "-key",
            "-keyout",
            "-inkey",
            "-config",
            "-pass",
            "-passin",
            "-passout",
            "-k",
            "-K",
            "-iv",
            "-CAfile",
            "-CA",
            "-CAkey",
            "-days",
            "-subj",
            "-servername",
            "-starttls",
            "-provider",
            "-provider-path",
            "-cert",
            "-newkey",
            "-rand",
            "-extfile",
            "-extensions",
            "-md",
        ];
        let program = Program {
            takes: takes.iter().map(|option| (*option).to_owned()).collect(),
            long: true,
            ..Program::default()
        };
        let parsed = Parsed::new(&program, args);
        let sub = parsed.words().next().map(|word| word.text.clone()).unwrap_or_default();
        if parsed.has_any(&["-engine", "-provider", "-provider-path"]) {
            let deed = Deed::new(EffectKind::Execute, span).from(Provenance::File).at(RiskLevel::High);
            self.add(deed.because("loads a library of its choice"));
        }
        let secret_in = parsed.value(&["-in", "-inkey", "-key"]).cloned();
        if let Some(file) = &secret_in {
            self.touch(EffectKind::Read, file, false, span);
        }
        for out in ["-out", "-keyout"].iter().filter_map(|option| parsed.value(&[option])).cloned().collect::<Vec<_>>()
        {
            self.write_file(&out, true, span);
        }
        match sub.as_str() {
            "s_client" => {
                let target = parsed.value(&["-connect"]).map(Word::shown).unwrap_or_default();
                let looks = stdin.nothing || stdin.plain().is_some_and(|text| text.trim().len() < 2);
                if looks {
                    self.pipe.network = true;
                    return Data::unknown(Provenance::Network);
                }
                self.connects(stdin, &target, span)
            }
            "s_server" => {
                self.add(
                    Deed::new(EffectKind::NetworkListen, span)
                        .at(RiskLevel::High)
                        .because("waits for anybody to connect"),
                );
                self.connects(stdin, "", span)
            }
            "base64" | "enc" => {
                let decodes = parsed.has("-d");
                let coded = sub == "base64" || parsed.has_any(&["-base64", "-a"]);
                match (decodes && coded, stdin.plain()) {
                    (true, Some(text)) if !stdin.nothing => match crate::decode::base64(text) {
                        Some(text) => Data { source: Provenance::Decoded, ..Data::known(text, span) },
                        None => stdin.changed(),
                    },
                    _ => {
                        let secret = stdin.secret || secret_in.as_ref().is_some_and(|file| self.is_secret(file));
                        Data { secret, ..stdin.changed() }
                    }
                }
            }
            _ => Data { source: Provenance::CommandOutput, ..Data::default() },
        }
    }
}
