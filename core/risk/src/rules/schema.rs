//! What a file of rules may hold.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, TargetClass};
use serde::Deserialize;

/// A file of rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Programs of which nothing more is to be said.
    #[serde(default)]
    pub(crate) group: Vec<Group>,
    /// Programs with rules.
    #[serde(default)]
    pub(crate) program: Vec<Program>,
}

/// Programs that all do the same.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    /// What they do.
    pub(crate) does: Does,
    /// Their names, with spaces between.
    pub(crate) names: String,
    /// See [`Program::long`].
    #[serde(default)]
    pub(crate) long: bool,
}

/// What a call does of which no rule says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Does {
    /// It prints something and touches no file that it is given.
    Print,
    /// It reads the files that it is given, and prints.
    Read,
    /// It makes or changes files, without loss of what was there.
    Write,
    /// Nobody can tell.
    #[default]
    Unknown,
}

/// What is known about a program.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    /// What it is called.
    pub(crate) names: Vec<String>,
    /// What a call is that no rule says more about.
    #[serde(default)]
    pub(crate) does: Does,
    /// Options whose value is the next word, or stuck to them.
    #[serde(default)]
    pub(crate) takes: Vec<String>,
    /// Options begin with one dash and are words: `-delete`. Never a cluster of letters.
    #[serde(default)]
    pub(crate) long: bool,
    /// Options end at the first operand: what follows belongs to another program.
    #[serde(default)]
    pub(crate) wraps: bool,
    /// Where no rule matches, the words of the operands tell: get, list, delete.
    #[serde(default)]
    pub(crate) verbs: bool,
    /// Options that make an effect reach everything below its target.
    #[serde(default)]
    pub(crate) recursive: Vec<String>,
    /// What it does.
    #[serde(default)]
    pub(crate) rule: Vec<Rule>,
}

/// What a program does under a condition. All conditions that are given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The operands begin with the words of one of these; `*` is any one word.
    #[serde(default)]
    pub(crate) sub: Vec<String>,
    /// One of these options is there.
    #[serde(default)]
    pub(crate) any: Vec<String>,
    /// All of these options are there.
    #[serde(default)]
    pub(crate) all: Vec<String>,
    /// None of these options is there.
    #[serde(default)]
    pub(crate) none: Vec<String>,
    /// An operand matches one of these globs.
    #[serde(default)]
    pub(crate) arg: Vec<String>,
    /// No operand matches any of these globs.
    #[serde(default)]
    pub(crate) noarg: Vec<String>,
    /// There are at least that many operands, after the words of `sub`.
    pub(crate) min: Option<usize>,
    /// There are at most that many.
    pub(crate) max: Option<usize>,
    /// What it does then.
    pub(crate) effect: EffectKind,
    /// To what.
    #[serde(default)]
    pub(crate) target: Selector,
    /// What kind of thing that is, where it is not a path.
    pub(crate) class: Option<TargetClass>,
    /// How bad, instead of what the kind of effect has by itself.
    pub(crate) level: Option<RiskLevel>,
    /// It reaches everything below its target.
    #[serde(default)]
    pub(crate) recursive: bool,
    /// The target is code in this language.
    pub(crate) run: Option<Run>,
    /// It happens on another machine, or in a container.
    #[serde(default)]
    pub(crate) away: bool,
    /// MITRE ATT&CK technique.
    pub(crate) attack: Option<String>,
    /// For people: what happens. Continues "this command …".
    pub(crate) why: String,
    /// Commands that must have an effect of this rule; only in tests.
    #[serde(default, rename = "match")]
    #[cfg_attr(not(test), expect(dead_code, reason = "the shipped rules come without examples"))]
    pub(crate) matches: Vec<String>,
    /// Commands that must not.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "the shipped rules come without examples"))]
    pub(crate) not: Vec<String>,
}

/// Which words of a call a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Selector {
    /// None: `none`.
    #[default]
    None,
    /// Every operand after the words of `sub`: `operands`.
    Operands,
    /// The first of them: `first`.
    First,
    /// The last of them: `last`.
    Last,
    /// All but the first: `rest`.
    Rest,
    /// All but the last: `init`.
    Init,
    /// The values of the options that `any` or `all` name: `value`.
    Value,
    /// The folder that it runs in: `cwd`.
    Cwd,
    /// What stands behind `of=` in an operand: `key:of`.
    Key(String),
    /// Always this: `=/etc/passwd`.
    Fixed(String),
}

/// What kind of code a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Run {
    /// Each word is a line for a shell.
    Shell,
    /// The words are a program and its arguments.
    Argv,
    /// The words, with spaces between, are a line for a shell.
    Words,
    /// Each word is the path of a file to execute.
    File,
    /// Each word is code.
    Python,
    /// Each word is code.
    Perl,
    /// Each word is code.
    Ruby,
    /// Each word is code.
    Node,
    /// Each word is code.
    Php,
    /// Each word is code.
    Lua,
    /// Each word is code.
    Awk,
    /// Each word is code.
    Sed,
    /// Each word is code.
    Powershell,
    /// Each word is a statement for a database.
    Sql,
    /// Each word is code of another language.
    Code,
}

/// A selector that is not one.
#[derive(Debug, thiserror::Error)]
#[error("unknown target {0:?}")]
pub(crate) struct UnknownSelector(String);

impl TryFrom<String> for Selector {
    type Error = UnknownSelector;

    fn try_from(text: String) -> Result<Self, UnknownSelector> {
        Ok(match text.as_str() {
            "none" => Self::None,
            "operands" => Self::Operands,
            "first" => Self::First,
            "last" => Self::Last,
            "rest" => Self::Rest,
            "init" => Self::Init,
            "value" => Self::Value,
            "cwd" => Self::Cwd,
            other => match (other.strip_prefix("key:"), other.strip_prefix('=')) {
                (Some(key), _) => Self::Key(key.to_owned()),
                (None, Some(fixed)) => Self::Fixed(fixed.to_owned()),
                (None, None) => return Err(UnknownSelector(text)),
            },
        })
    }
}
