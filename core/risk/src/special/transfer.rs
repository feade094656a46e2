//! `curl` and `wget`: what they fetch and where it goes, what they send and where it comes from.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span, TargetClass};

use crate::data::Data;
use crate::judge::Judge;
use crate::report::Deed;
use crate::rules::{Parsed, Program};
use crate::word::Word;

const CURL_TAKES: &[&str] = &[
    "-d",
    "--data",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--data-ascii",
    "--json",
    "-F",
    "--form",
    "--form-string",
    "-T",
    "--upload-file",
    "-o",
    "--output",
    "-X",
    "--request",
    "-H",
    "--header",
    "-u",
    "--user",
    "-A",
    "--user-agent",
    "-e",
    "--referer",
    "-b",
    "--cookie",
    "-c",
    "--cookie-jar",
    "-x",
    "--proxy",
    "-K",
    "--config",
    "-w",
    "--write-out",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--retry-delay",
    "-E",
    "--cert",
    "--key",
    "--cacert",
    "--capath",
    "-r",
    "--range",
    "-C",
    "--continue-at",
    "-D",
    "--dump-header",
    "--url",
    "--resolve",
    "--limit-rate",
    "--interface",
    "-z",
    "--time-cond",
    "--output-dir",
    "--engine",
    "-Q",
    "--quote",
    "-P",
    "--ftp-port",
    "-t",
    "--telnet-option",
    "-y",
    "-Y",
    "--max-filesize",
    "--trace",
    "--trace-ascii",
    "--stderr",
    "--unix-socket",
    "--abstract-unix-socket",
    "--dns-servers",
    "--ciphers",
    "--tls-max",
    "--socks5",
    "--socks5-hostname",
    "--socks4",
    "--noproxy",
    "--oauth2-bearer",
    "--netrc-file",
    "--mail-from",
    "--mail-rcpt",
    "--hostpubmd5",
];

const WGET_TAKES: &[&str] = &[
    "-O",
    "--output-document",
    "-o",
    "--output-file",
    "-a",
    "--append-output",
    "-i",
    "--input-file",
    "-t",
    "--tries",
    "-T",
    "--timeout",
    "-w",
    "--wait",
    "-Q",
    "--quota",
    "-P",
    "--directory-prefix",
    "-U",
    "--user-agent",
    "--header",
    "--post-data",
    "--post-file",
    "--body-data",
    "--body-file",
    "--method",
    "--user",
    "--password",
    "-A",
    "--accept",
    "-R",
    "--reject",
    "-D",
    "--domains",
    "-I",
    "-X",
    "-l",
    "--level",
    "--limit-rate",
    "--referer",
    "--load-cookies",
    "--save-cookies",
    "--ca-certificate",
    "--certificate",
    "--private-key",
    "--use-askpass",
    "-e",
    "--execute",
    "--config",
    "--bind-address",
    "--proxy-user",
    "--proxy-password",
    "--http-user",
    "--http-password",
    "-B",
    "--base",
    "--cut-dirs",
];

/// Where clouds tell a machine its credentials.
const METADATA: &[&str] =
    &["169.254.169.254", "metadata.google.internal", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"];

impl Judge<'_> {
    pub(crate) fn curl(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let program =
            Program { takes: CURL_TAKES.iter().map(|option| (*option).to_owned()).collect(), ..Program::default() };
        let parsed = Parsed::new(&program, args);
        if parsed.has_any(&["--help", "-V", "--version", "--manual"]) && parsed.operands.is_empty() {
            return Data::unknown(Provenance::CommandOutput);
        }
        if parsed.has("--engine") {
            let deed = Deed::new(EffectKind::Execute, span).from(Provenance::File).at(RiskLevel::High);
            self.add(deed.because("loads a library of its choice"));
        }
        if parsed.has_any(&["-K", "--config"]) {
            self.report.opaque("what curl's configuration says", span);
        }
        let files: Vec<Word> =
            parsed.all("-o").chain(parsed.all("--output")).filter_map(|given| given.value.clone()).collect();
        let named = parsed.has_any(&["-O", "--remote-name", "--remote-name-all", "-J", "--remote-header-name"]);
        let urls: Vec<Word> = parsed.words().cloned().chain(parsed.value(&["--url"]).cloned()).collect();
        self.sends(&parsed, &urls, stdin, span);
        self.method(&parsed, &["-X", "--request"], &urls, span);
        self.fetched(&urls, &files, named, span)
    }

    fn fetched(&mut self, urls: &[Word], files: &[Word], named: bool, span: Span) -> Data {
        let mut source = Provenance::Network;
        for url in urls {
            if url.prefix().starts_with("file:") {
                let path = url.tail(if url.prefix().starts_with("file://") { 7 } else { 5 });
                self.touch(EffectKind::Read, &path, false, span);
                source = Provenance::File;
            } else if METADATA.iter().any(|host| url.text.contains(host)) {
                self.add(
                    Deed::new(EffectKind::SecretRead, span)
                        .on(TargetClass::Cloud, url.shown())
                        .because("asks the cloud for the machine's own credentials"),
                );
            } else {
                self.add(Deed::new(EffectKind::NetworkFetch, span).on(TargetClass::Network, url.shown()));
            }
        }
        let data = Data::unknown(source);
        for file in files.iter().filter(|file| !file.is("-")) {
            self.write_file(file, true, file.span);
            if let Some(name) = self.file_name(file) {
                self.keep_file(name, data.clone());
            }
        }
        if named {
            for url in urls {
                if let Some(name) =
                    url.known().and_then(|text| text.split(['?', '#']).next()).and_then(|text| text.rsplit('/').next())
                {
                    let file = Word::literal(name, span);
                    self.write_file(&file, true, span);
                    if let Some(name) = self.file_name(&file) {
                        self.keep_file(name, data.clone());
                    }
                }
            }
        }
        if named || files.iter().any(|file| !file.is("-")) { Data::nothing() } else { data }
    }

    fn sends(&mut self, parsed: &Parsed, urls: &[Word], stdin: &Data, span: Span) {
        let options = [
            "-d",
            "--data",
            "--data-binary",
            "--data-raw",
            "--data-urlencode",
            "--data-ascii",
            "--json",
            "-F",
            "--form",
            "-T",
            "--upload-file",
        ];
        for option in options {
            let values: Vec<Word> = parsed.all(option).filter_map(|given| given.value.clone()).collect();
            for value in values {
                let raw = option == "--data-raw";
                let upload = matches!(option, "-T" | "--upload-file");
                let file = match value.prefix().find(['@', '<']) {
                    _ if upload => Some(value.clone()),
                    Some(at)
                        if !raw && (at == 0 || value.prefix().get(..at).is_some_and(|head| head.ends_with('='))) =>
                    {
                        Some(value.tail(at + 1))
                    }
                    _ => None,
                };
                let host = urls.first().map(Word::shown).unwrap_or_default();
                match file {
                    Some(file) if file.is("-") || file.text.starts_with("/dev/fd/") => {
                        self.sent(stdin.secret, stdin.text.is_none(), &host, span)
                    }
                    Some(file) => {
                        let file = Word { text: file.text.split(';').next().unwrap_or_default().to_owned(), ..file };
                        self.touch(EffectKind::Read, &file, false, span);
                        let secret = self.is_secret(&file)
                            || self
                                .file_name(&file)
                                .and_then(|name| self.files.get(&name))
                                .is_some_and(|data| data.secret);
                        self.sent(secret, true, &host, span);
                    }
                    None => self.sent(
                        value.provenance() > Provenance::Decoded && stdin.secret,
                        !value.holes.is_empty(),
                        &host,
                        span,
                    ),
                }
            }
        }
    }

    /// Something goes out.
    pub(crate) fn sent(&mut self, secret: bool, unknown: bool, host: &str, span: Span) {
        let deed = Deed::new(EffectKind::NetworkSend, span).on(TargetClass::Network, host);
        self.add(match (secret, unknown) {
            (true, _) => deed.at(RiskLevel::Critical).because("sends keys, passwords or other secrets away"),
            (false, true) => deed.at(RiskLevel::High).because("sends what stands on this machine away"),
            (false, false) => deed.at(RiskLevel::Low).because("sends something away"),
        });
    }

    fn method(&mut self, parsed: &Parsed, options: &[&str], urls: &[Word], span: Span) {
        let Some(method) = parsed.value(options) else { return };
        let target = urls.first().map(Word::shown).unwrap_or_default();
        match method.text.to_ascii_uppercase().as_str() {
            "DELETE" => self.add(
                Deed::new(EffectKind::RemoteDelete, span)
                    .on(TargetClass::Cloud, target)
                    .because("asks a service elsewhere to delete something"),
            ),
            "PUT" | "PATCH" | "POST" if !is_search(&target) => {
                let destroys = [
                    "delete",
                    "destroy",
                    "purge",
                    "drop",
                    "terminate",
                    "shutdown",
                    "wipe",
                    "_close",
                    "_cluster/",
                    "_forcemerge",
                    "_shrink",
                    "/revoke",
                    "/disable",
                ]
                .iter()
                .any(|word| target.to_ascii_lowercase().contains(word));
                if destroys {
                    self.add(
                        Deed::new(EffectKind::RemoteDelete, span)
                            .on(TargetClass::Cloud, target)
                            .because("asks a service elsewhere to destroy something"),
                    );
                } else {
                    self.add(
                        Deed::new(EffectKind::RemoteChange, span)
                            .on(TargetClass::Cloud, target)
                            .because("asks a service elsewhere to change something"),
                    );
                }
            }
            _ => {}
        }
    }

    pub(crate) fn wget(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let program =
            Program { takes: WGET_TAKES.iter().map(|option| (*option).to_owned()).collect(), ..Program::default() };
        let parsed = Parsed::new(&program, args);
        if parsed.has_any(&["--help", "-V", "--version"]) {
            return Data::unknown(Provenance::CommandOutput);
        }
        let urls: Vec<Word> = parsed.words().cloned().collect();
        if let Some(code) = parsed.value(&["--use-askpass"]).cloned() {
            self.aside(|judge| judge.command(vec![code], &Data::nothing(), span));
        }
        for file in ["--post-file", "--body-file"]
            .iter()
            .filter_map(|option| parsed.value(&[option]))
            .cloned()
            .collect::<Vec<_>>()
        {
            self.touch(EffectKind::Read, &file, false, span);
            let secret = self.is_secret(&file);
            self.sent(secret, true, &urls.first().map(Word::shown).unwrap_or_default(), span);
        }
        if let Some(value) = parsed.value(&["--post-data", "--body-data"]).cloned() {
            self.sent(stdin.secret, !value.holes.is_empty(), &urls.first().map(Word::shown).unwrap_or_default(), span);
        }
        if let Some(file) = parsed.value(&["-i", "--input-file"]).cloned() {
            self.touch(EffectKind::Read, &file, false, span);
        }
        for log in ["-o", "--output-file", "-a", "--append-output"]
            .iter()
            .filter_map(|option| parsed.value(&[option]))
            .cloned()
            .collect::<Vec<_>>()
        {
            self.write_file(&log, true, span);
        }
        self.method(&parsed, &["--method"], &urls, span);
        if parsed.has("--spider") {
            return Data::nothing();
        }
        match parsed.value(&["-O", "--output-document"]).cloned() {
            Some(file) => self.fetched(&urls, &[file], false, span),
            None => {
                if let Some(folder) = parsed.value(&["-P", "--directory-prefix"]).cloned() {
                    self.write_file(&folder, false, span);
                }
                self.fetched(&urls, &[], true, span)
            }
        }
    }
}

fn is_search(url: &str) -> bool {
    ["_search", "_count", "_msearch", "/search", "/query", "/graphql"].iter().any(|part| url.contains(part))
}
