//! `git`: what its configuration makes it run. The rest is in the rules.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::report::Deed;
use crate::word::Word;

/// Settings whose value is a command.
const COMMANDS: &[&str] = &[
    "core.pager",
    "core.editor",
    "core.sshcommand",
    "core.fsmonitor",
    "core.askpass",
    "sequence.editor",
    "diff.external",
    "credential.helper",
    "gpg.program",
    "core.gitproxy",
    "uploadpack.packobjectshook",
    "web.browser",
    "man.viewer",
    "interactive.difffilter",
    "gpg.ssh.program",
    "gpg.x509.program",
    "core.alternaterefscommand",
];

impl Judge<'_> {
    /// Follows what stands before git's own command; the rules tell the rest.
    pub(crate) fn git(&mut self, args: &[Word], stdin: &Data, span: Span) -> Option<Data> {
        let mut at = 0;
        while let Some(word) = args.get(at) {
            match word.text.as_str() {
                "-c" | "--config-env" => {
                    if let Some(setting) = args.get(at + 1).cloned() {
                        self.setting(&setting, stdin, span);
                    }
                    at += 2;
                }
                "-C" | "--git-dir" | "--work-tree" | "--namespace" | "--exec-path" | "--super-prefix" => at += 2,
                text if text.starts_with("--exec-path=") => {
                    let deed = Deed::new(EffectKind::Execute, span).from(Provenance::File).at(RiskLevel::High);
                    self.add(deed.because("takes git's own commands from another folder"));
                    at += 1;
                }
                text if text.starts_with('-') => at += 1,
                _ => break,
            }
        }
        let rest = args.get(at..).unwrap_or_default();
        let (Some(sub), arguments) = (rest.first(), rest.get(1..).unwrap_or_default()) else { return None };
        match sub.text.as_str() {
            "config" => {
                let operands: Vec<&Word> = arguments
                    .iter()
                    .filter(|word| !word.text.starts_with('-') && !["set", "add"].iter().any(|text| word.is(text)))
                    .collect();
                if let [name, value] = operands.as_slice() {
                    let mut setting = (*name).clone();
                    setting.text.push('=');
                    setting.push(value);
                    self.setting(&setting, stdin, span);
                }
            }
            "bisect" if arguments.first().is_some_and(|word| word.is("run")) => {
                let inner = arguments.get(1..).unwrap_or_default().to_vec();
                self.aside(|judge| judge.command(inner, stdin, span));
            }
            "submodule" if arguments.first().is_some_and(|word| word.is("foreach")) => {
                let inner: Vec<Word> =
                    arguments.iter().skip(1).filter(|word| !word.text.starts_with("--")).cloned().collect();
                let line = crate::shell_joined(&inner, span);
                self.aside(|judge| judge.run_text(&line, stdin, span));
            }
            "rebase" => self.values(arguments, &["--exec", "-x"], stdin, span),
            "filter-branch" => self.values(
                arguments,
                &[
                    "--tree-filter",
                    "--index-filter",
                    "--msg-filter",
                    "--env-filter",
                    "--commit-filter",
                    "--parent-filter",
                    "--tag-name-filter",
                    "--setup",
                ],
                stdin,
                span,
            ),
            "difftool" | "mergetool" => self.values(arguments, &["--extcmd", "-x"], stdin, span),
            "grep" => self.values(arguments, &["--open-files-in-pager", "-O"], stdin, span),
            "clone" | "fetch" | "pull" | "ls-remote" | "push" | "remote" | "archive" => {
                self.values(arguments, &["--upload-pack", "-u", "--receive-pack", "--exec"], stdin, span);
                for url in arguments.iter().filter(|word| word.text.starts_with("ext::")).cloned().collect::<Vec<_>>() {
                    let code = url.tail(5);
                    self.aside(|judge| judge.run_text(&code, stdin, span));
                }
            }
            _ => {}
        }
        None
    }

    fn values(&mut self, arguments: &[Word], options: &[&str], stdin: &Data, span: Span) {
        for (at, word) in arguments.iter().enumerate() {
            let code = match word.split_once('=') {
                Some((name, value)) if options.contains(&name) => Some(value),
                _ if options.iter().any(|option| word.is(option)) && !word.is("-u") => arguments.get(at + 1).cloned(),
                _ => None,
            };
            if let Some(code) = code.filter(|code| !code.text.starts_with('-')) {
                self.aside(|judge| judge.run_text(&code, stdin, span));
            }
        }
    }

    fn setting(&mut self, setting: &Word, stdin: &Data, span: Span) {
        let Some((name, value)) = setting.split_once('=') else { return };
        let name = name.to_ascii_lowercase();
        let is_alias = name.starts_with("alias.");
        let runs = COMMANDS.contains(&name.as_str())
            || (name.starts_with("pager.")
                || name.starts_with("filter.")
                || name.starts_with("difftool.")
                || name.starts_with("mergetool.")
                || name.starts_with("diff.")
                || name.starts_with("credential."))
                && (name.starts_with("pager.")
                    || ["cmd", "clean", "smudge", "process", "command", "textconv", "helper", "path"]
                        .iter()
                        .any(|end| name.ends_with(end)));
        let plain = [
            "cache",
            "store",
            "osxkeychain",
            "manager",
            "true",
            "false",
            "less",
            "cat",
            "vim",
            "nano",
            "vi",
            "code --wait",
            "libsecret",
            "manager-core",
            "emacs",
            "",
        ];
        if runs && !plain.iter().any(|text| value.is(text)) {
            let code = Word { text: value.text.trim_start_matches('!').to_owned(), ..value.clone() };
            self.aside(|judge| judge.run_text(&code, stdin, span));
        } else if is_alias && value.text.starts_with('!') {
            let code = value.tail(1);
            self.aside(|judge| judge.run_text(&code, stdin, span));
        } else if name == "core.hookspath" {
            self.add(
                Deed::new(EffectKind::Persistence, span)
                    .at(RiskLevel::High)
                    .because("lets git run programs from another folder"),
            );
        } else if name == "protocol.ext.allow" {
            self.add(
                Deed::new(EffectKind::Execute, span)
                    .from(Provenance::Unknown)
                    .at(RiskLevel::High)
                    .because("lets addresses of repositories run commands"),
            );
        }
    }
}
