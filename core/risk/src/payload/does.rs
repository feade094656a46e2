//! What functions and methods do, as the tables of the languages say it.

use std::collections::{HashMap, HashSet};

use ogent_protocol::verdict::EffectKind;

/// What a call does. A number says which argument it is about, the first being 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// It computes or prints.
    Plain,
    /// Like [`Does::Plain`], but it may call a function that it is given by name.
    Calls,
    /// Its first argument is a line for a shell, or a list of a program and its arguments.
    Shell,
    /// Its only argument is a line for a shell; several are a program and its arguments.
    Command,
    /// Its arguments are a program and its arguments.
    Argv,
    /// That argument is a program; the name that it is given, and its arguments, follow.
    Exec(usize),
    /// Its argument is code of the same language.
    Eval,
    /// The same, but only a function is made of it.
    Compiles,
    /// What it executes cannot be seen.
    Unseen,
    /// It loads a library, or runs a file, that the argument names.
    Load,
    /// It does something to that argument.
    To(EffectKind, usize),
    /// It does something to all of its arguments from that one on.
    ToAll(EffectKind, usize),
    /// It does something to everything below that argument.
    Tree(EffectKind, usize),
    /// It does something to what it is a method of.
    ToSelf(EffectKind),
    /// It does something that has no target.
    Act(EffectKind),
    /// It renames: the first argument goes, the second comes.
    Moves,
    /// It copies the first argument to the second.
    Copies,
    /// It renames what it is a method of.
    MovesSelf,
    /// It opens a file for what the second argument says.
    Opens,
    /// The same of Perl, whose modes also name commands.
    PerlOpens,
    /// The first argument is a file, or the mode, of what it is a method of.
    OpensSelf,
    /// It gets something from an address.
    Fetches,
    /// It matches a pattern, whose flags may say more.
    Matches,
    /// It makes a connection.
    Connects,
    /// It waits for connections.
    Listens,
    /// It sends to an address.
    Sends,
    /// It moves input and output.
    HandsOver,
    /// It makes a process like itself.
    Forks,
    /// Its argument names a module.
    Imports,
    /// `getattr(module, "name")`.
    Attribute,
    /// `object.send(:name, …)`.
    Invokes,
    /// Its first argument is a function, which it calls with the others.
    Applies,
    /// Its first argument is a function, whose values for each of a list are a list.
    Maps,
    /// It calls what it is a method of, with its arguments from that one on.
    CallsSelf(usize),
    /// It runs a statement for a database.
    Sql,
    /// Its value is its first argument, or what it is a method of.
    Same,
    /// Its value is a list of its arguments.
    Lists,
    /// Its value is a text.
    Makes(Makes),
}

/// How a value is made of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Makes {
    Base64,
    Hex,
    Rot13,
    /// By the coding that an argument names.
    Codec,
    Characters,
    Join,
    Format,
    Replace,
    Reverse,
    Lower,
    Upper,
    Strip,
    Split,
    /// A path of its parts.
    Path,
    /// A list of Perl's `pack`, of which only some are followed.
    Pack,
    /// What `pack` packed.
    Unpack,
    /// A format with braces, as Python has it.
    Braces,
    /// All its texts, one behind the other.
    Concat,
}

/// What is known of a language's functions.
pub(super) struct Table {
    functions: HashMap<&'static str, Does>,
    methods: HashMap<&'static str, Does>,
    /// Modules of which only what stands in the table is known.
    modules: HashSet<&'static str>,
    /// Modules of which everything is harmless.
    harmless: HashSet<&'static str>,
    /// Whether case makes no difference to names.
    folds_case: bool,
}

/// Names with what they all do.
pub(super) type Rows = &'static [(Does, &'static str)];

impl Table {
    pub(super) fn new(functions: Rows, methods: Rows, modules: &'static str, harmless: &'static str) -> Self {
        Self {
            functions: index(functions),
            methods: index(methods),
            modules: modules.split_whitespace().collect(),
            harmless: harmless.split_whitespace().collect(),
            folds_case: false,
        }
    }

    pub(super) fn folding_case(mut self) -> Self {
        self.folds_case = true;
        self
    }

    /// What a function does, of which the whole path is given.
    pub(super) fn function(&self, path: &str) -> Option<Does> {
        if self.folds_case {
            return self.functions.get(path.to_lowercase().as_str()).copied();
        }
        self.functions.get(path).copied()
    }

    /// What a method does, whatever it is a method of.
    pub(super) fn method(&self, name: &str) -> Option<Does> {
        if self.folds_case {
            return self.methods.get(name.to_lowercase().as_str()).copied();
        }
        self.methods.get(name).copied()
    }

    /// The functions of a module, each with its name and its whole path.
    pub(super) fn members<'t>(&'t self, module: &'t str) -> impl Iterator<Item = (&'static str, &'static str)> + 't {
        self.functions.keys().filter_map(move |path| {
            let name = path.strip_prefix(module)?.strip_prefix('.')?;
            (!name.contains('.')).then_some((name, *path))
        })
    }

    /// Whether a path begins with the name of a module whose functions the table knows.
    pub(super) fn in_module(&self, path: &str) -> bool {
        prefixes(path).any(|prefix| self.modules.contains(prefix))
    }

    /// Whether a path begins with the name of a module that only computes.
    pub(super) fn is_harmless(&self, path: &str) -> bool {
        prefixes(path).any(|prefix| self.harmless.contains(prefix))
    }
}

/// `a`, `a.b` and `a.b.c` of `a.b.c`. Paths are short.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').filter_map(|(end, _)| path.get(..end)).chain([path])
}

fn index(rows: Rows) -> HashMap<&'static str, Does> {
    rows.iter().flat_map(|(does, names)| names.split_whitespace().map(move |name| (name, *does))).collect()
}

impl Does {
    /// Whether somebody who only hands the function on may have it do harm.
    pub(super) fn is_dangerous(self) -> bool {
        !matches!(
            self,
            Self::Plain
                | Self::Calls
                | Self::Maps
                | Self::Same
                | Self::Lists
                | Self::Makes(_)
                | Self::Fetches
                | Self::Opens
                | Self::To(EffectKind::Read, _)
                | Self::Imports
                | Self::Attribute
                | Self::Act(EffectKind::Read)
        )
    }
}
