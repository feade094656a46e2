//! Receives a variable that a command sets, tells what programs do because of it.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance};

use crate::data::Data;
use crate::judge::Judge;
use crate::report::Deed;
use crate::word::Word;

/// What a variable has power over.
enum Power {
    /// A program runs its value as a line of shell.
    Line,
    /// The same, where the value looks like one.
    PerhapsLine,
    /// The shell expands its value before it prints it.
    Prompt,
    /// `less` runs it on what it opens.
    Filter,
    /// A shell reads the file before it does anything else.
    Script,
    /// The system's loader takes code from there.
    Library,
    /// Where programs are looked for.
    Path,
    /// Options that a program takes as if they were given; dangerous are those with one of these.
    Options(&'static [&'static str]),
    /// Whatever it says, it changes what a program runs.
    Configuration,
    /// What the shell keeps of the commands.
    History,
}

/// Programs that run what these say: pagers, editors, askers, other shells.
const LINES: &str = "PROMPT_COMMAND GIT_PAGER PAGER MANPAGER GIT_SSH_COMMAND GIT_EDITOR EDITOR VISUAL \
    GIT_SEQUENCE_EDITOR GIT_EXTERNAL_DIFF GIT_ASKPASS SSH_ASKPASS SUDO_ASKPASS BROWSER GIT_PROXY_COMMAND SYSTEMD_PAGER \
    SYSTEMD_EDITOR FCEDIT RSYNC_RSH CVS_RSH PSQL_PAGER PSQL_EDITOR KUBE_EDITOR SUDO_EDITOR BAT_PAGER DELTA_PAGER \
    AWS_PAGER GIT_SSH";

fn power(name: &str) -> Option<Power> {
    let ends_like_line =
        || ["_COMMAND", "_PAGER", "_EDITOR", "_ASKPASS", "_RSH", "_SSH"].iter().any(|end| name.ends_with(end));
    Some(match name {
        "PS0" | "PS1" | "PS2" | "PS4" => Power::Prompt,
        "LESSOPEN" | "LESSCLOSE" => Power::Filter,
        "BASH_ENV" | "ENV" => Power::Script,
        "LD_PRELOAD" | "LD_AUDIT" | "LD_LIBRARY_PATH" | "DYLD_INSERT_LIBRARIES" | "DYLD_LIBRARY_PATH" => Power::Library,
        "PATH" => Power::Path,
        "PERL5OPT" => Power::Options(&["-M", "-m", "-I", "-d", "-e"]),
        "RUBYOPT" => Power::Options(&["-r", "-I", "-e"]),
        "NODE_OPTIONS" => {
            Power::Options(&["-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file"])
        }
        "JAVA_TOOL_OPTIONS" | "_JAVA_OPTIONS" | "JDK_JAVA_OPTIONS" => Power::Options(&[
            "-javaagent",
            "-agentlib",
            "-agentpath",
            "-Xbootclasspath",
            "-XX:OnError",
            "-XX:OnOutOfMemoryError",
            "@",
        ]),
        "TAR_OPTIONS" => Power::Options(&[
            "--checkpoint-action",
            "--to-command",
            "-I",
            "--use-compress-program",
            "--rsh-command",
            "-F",
            "--info-script",
        ]),
        "MAKEFLAGS" | "GNUMAKEFLAGS" => Power::Options(&["--eval", "-E", "SHELL=", "-f", "--file"]),
        // Folders and files that interpreters load code from.
        "PYTHONSTARTUP" | "PYTHONPATH" | "PYTHONHOME" | "PERL5LIB" | "RUBYLIB" | "NODE_PATH" | "GCONV_PATH"
        | "OPENSSL_CONF" => Power::Options(&[]),
        _ if name.starts_with("GIT_CONFIG") || name.starts_with("BASH_FUNC_") => Power::Configuration,
        "HISTFILE" | "HISTSIZE" | "HISTFILESIZE" | "HISTCONTROL" | "HISTIGNORE" => Power::History,
        _ if LINES.split_whitespace().any(|line| line == name) => Power::Line,
        _ if ends_like_line() => Power::PerhapsLine,
        _ => return None,
    })
}

impl Judge<'_> {
    /// Variables through which programs are told to run or load something.
    pub(crate) fn guard_variable(&mut self, name: &str, value: &Word) {
        let Some(power) = power(name).filter(|_| !value.is_blank()) else { return };
        let span = value.span;
        let instead = |text: String| Word { text, holes: Vec::new(), ..value.clone() };
        let nothing = Data::nothing();
        match power {
            Power::Line => {
                self.code(value, &Data::unknown(Provenance::CommandOutput), Provenance::Literal, span);
            }
            Power::PerhapsLine => {
                let first = value.text.split_whitespace().next().unwrap_or_default();
                if value.holes.is_empty() && self.is_known(first.rsplit('/').next().unwrap_or_default()) {
                    self.code(value, &nothing, Provenance::Literal, span);
                }
            }
            Power::Prompt => {
                let prompt = instead(format!(": \"{}\"", value.text));
                self.code(&prompt, &nothing, Provenance::Literal, span);
            }
            Power::Filter => {
                let filter = instead(value.text.trim_start_matches(['|', '-']).to_owned());
                self.code(&filter, &nothing, Provenance::Literal, span);
            }
            Power::Script => {
                self.script(value, span);
            }
            Power::Library => self.loads(name, value),
            Power::Options(dangerous) => {
                let has_option =
                    value.text.split_whitespace().any(|word| dangerous.iter().any(|it| word.starts_with(it)));
                // Nobody knows which options an unknown text gives; a folder of the project's own is usual.
                let is_any = !dangerous.is_empty() && !value.holes.is_empty();
                if has_option || is_any || value.text.split([':', '=', ' ']).any(is_open_folder) {
                    self.loads(name, value);
                }
            }
            Power::Configuration => {
                let deed = Deed::new(EffectKind::Execute, span).from(Provenance::Unknown).at(RiskLevel::High);
                self.add(deed.because(format!("changes what a program runs ({name})")));
            }
            Power::Path => self.guard_path(value),
            Power::History if hides_history(name, &value.text) => {
                let deed = Deed::new(EffectKind::HistoryTampering, span);
                self.add(deed.because("keeps commands out of the shell's history"));
            }
            Power::History => {}
        }
    }

    fn loads(&mut self, name: &str, value: &Word) {
        let deed = Deed::new(EffectKind::Execute, value.span).from(Provenance::File).at(RiskLevel::High);
        let deed = deed.because(format!("loads code of its choice into programs ({name})"));
        self.add(Deed { attack: Some("T1574.006".to_owned()), ..deed });
    }

    fn guard_path(&mut self, value: &Word) {
        let strange = value.text.split(':').any(|folder| !folder.is_empty() && !super::simple::is_usual_folder(folder));
        let is_anything = value.text.is_empty() && !value.holes.is_empty();
        if !strange && !is_anything {
            return;
        }
        self.report.opaque("PATH is changed: which programs are found is not known", value.span);
        if value.text.split(':').any(|folder| folder == "." || is_open_folder(folder)) {
            let deed = Deed::new(EffectKind::Execute, value.span).from(Provenance::File).at(RiskLevel::High);
            self.add(deed.because("looks for programs where anybody may put some"));
        }
    }
}

/// Whether anybody may put a file there.
fn is_open_folder(path: &str) -> bool {
    let path = path.trim_start_matches("-I");
    ["/tmp", "/var/tmp", "/dev/shm"].iter().any(|folder| path.starts_with(folder))
}

fn hides_history(name: &str, value: &str) -> bool {
    match name {
        "HISTCONTROL" | "HISTIGNORE" => ["ignorespace", "ignoreboth", "*"].iter().any(|sign| value.contains(sign)),
        "HISTFILE" => value.starts_with("/dev/null"),
        _ => value.trim() == "0",
    }
}
