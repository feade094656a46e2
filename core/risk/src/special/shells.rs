//! Shells: `sh -c`, `bash script`, `… | sh`.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::report::Deed;
use crate::word::Word;

/// Whether a program is a shell that takes `-c`.
pub(crate) fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash"
            | "dash"
            | "zsh"
            | "ksh"
            | "mksh"
            | "ksh93"
            | "lksh"
            | "pdksh"
            | "ash"
            | "rbash"
            | "rzsh"
            | "yash"
            | "posh"
            | "fish"
            | "csh"
            | "tcsh"
            | "bash5"
            | "hush"
            | "sash"
            | "elvish"
            | "xonsh"
            | "nu"
            | "oksh"
            | "loksh"
            | "rsh-shell"
            | "bosh"
    )
}

impl Judge<'_> {
    pub(crate) fn shell(&mut self, name: &str, args: &[Word], stdin: &Data, span: Span) -> Data {
        let (mut at, mut command, mut checks, mut interactive) = (0, false, false, false);
        while let Some(word) = args.get(at) {
            let text = word.prefix();
            match text {
                "--version" | "--help" => return Data::unknown(Provenance::CommandOutput),
                "--init-file" | "--rcfile" => {
                    if let Some(file) = args.get(at + 1) {
                        self.script(&file.clone(), span);
                    }
                    interactive = true;
                    at += 2;
                    continue;
                }
                "-O" | "+O" | "-o" | "+o" => {
                    at += 2;
                    continue;
                }
                "-" | "--" => {
                    at += 1;
                    break;
                }
                "--command" | "--init-command" | "-C" if name == "fish" => command = true,
                _ if text.starts_with("--") => {}
                _ if text.starts_with(['-', '+']) && text.len() > 1 => {
                    command |= text.contains('c');
                    checks |= text.contains('n') && !text.contains('c');
                    interactive |= text.contains('i');
                    let takes_next = text.ends_with('o');
                    if text.contains('s') && !text.contains('c') {
                        at = args.len();
                        break;
                    }
                    at += usize::from(takes_next);
                }
                _ => break,
            }
            at += 1;
        }
        let rest = args.get(at..).unwrap_or_default();
        if command {
            return match rest {
                [] => Data::nothing(),
                [line, arguments @ ..] => {
                    // `sh -c 'line' name arg`: the name is not an argument.
                    let own_name = arguments.first().cloned();
                    let arguments = arguments.get(1..).unwrap_or_default().to_vec();
                    let line = line.clone();
                    self.aside(|judge| {
                        judge.scope.arguments = arguments;
                        judge.scope.own_name = own_name;
                        judge.run_text(&line, stdin, span)
                    })
                }
            };
        }
        if rest.is_empty() && self.connected {
            // Its input or its output is a connection: whoever is at the other end gives the orders.
            self.add(Deed::new(EffectKind::RemoteShell, span));
        }
        match rest.first() {
            Some(_) if checks => Data::unknown(Provenance::CommandOutput),
            Some(file) => {
                let (file, arguments) = (file.clone(), rest.get(1..).unwrap_or_default().to_vec());
                if crate::data::is_stdin(&file) {
                    return self.aside(|judge| judge.run_data(stdin, &Data::nothing(), span));
                }
                self.aside(|judge| {
                    judge.scope.arguments = arguments;
                    judge.script(&file, span)
                })
            }
            None if stdin.nothing || interactive && stdin.text.is_none() => {
                self.pipe.shell = true;
                let deed = Deed::new(EffectKind::Execute, span).from(Provenance::Unknown).at(RiskLevel::High);
                self.add(deed.because("opens a shell"));
                Data::unknown(Provenance::CommandOutput)
            }
            None => {
                self.pipe.shell |= stdin.text.is_none();
                let data = stdin.clone();
                self.aside(|judge| judge.run_data(&data, &Data::nothing(), span))
            }
        }
    }
}
