//! Nothing that anybody can write makes a reader panic, or takes it long.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::payload::Language::{self, Awk, Lua, Node, Other, Perl, Php, PowerShell, Python, Ruby, Sed, Sql};
use crate::payload::scan;

pub(super) const ALL: [Language; 11] = [Python, Perl, Ruby, Node, Php, Lua, Awk, Sed, Sql, PowerShell, Other];

/// What the languages are made of; put together at random, it reaches far into the readers.
const PIECES: &[&str] = &[
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "`",
    "$",
    "@",
    "%",
    "&",
    "\\",
    "/",
    "#",
    "\n",
    ";",
    ",",
    ":",
    ".",
    "|",
    "<",
    ">",
    "=",
    "+",
    "?",
    "!",
    " ",
    "$x",
    "@x",
    "%x",
    "#{",
    "${",
    "f\"{",
    "'''",
    "[[",
    "]]",
    "--[[",
    "/*",
    "*/",
    "<<EOT\n",
    "<<<A\n",
    "EOT\n",
    "=begin\n",
    "->",
    "=>",
    "::",
    "|&",
    "//",
    "s/",
    "y/",
    "tr{",
    "q(",
    "qw/",
    "%w[",
    "\\!",
    ".shell",
    "\u{fffc}",
    "é",
    "🦀",
    "0x",
    "1e",
    "import a",
    "from a import b",
    "def f(a):",
    "lambda x:",
    "function f(",
    "sub f{",
    "do |x|",
    "for x in ",
    "if ",
    " else ",
    " or ",
    "print ",
    "eval(",
    "exec(",
    "system(",
    "getline",
    "BEGIN",
    "a.b(",
    "x = ",
    "x += 'a'",
    "return ",
    "new ",
    "const {a} = ",
    "catch (e)",
    "use a",
    "require('os')",
    "DROP ",
    "1,$",
];

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", number in 0..ALL.len()) {
        scan(ALL[number], &text);
    }

    #[test]
    fn no_program_makes_it_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60), number in 0..ALL.len()) {
        let found = scan(ALL[number], &pieces.concat());
        let acts = found.opaque || found.runs_unknown || found.remote_shell || !found.shell.is_empty() || !found.argvs.is_empty();
        prop_assert!(!(found.plain && acts));
    }

    #[test]
    fn more_code_is_never_plainer(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..20)) {
        // What was started before an unknown end is still started.
        let found = scan(Python, &format!("import os\nos.system('id')\n{}", pieces.concat()));
        prop_assert!(found.shell.contains(&"id".to_owned()) && !found.plain);
    }
}

#[test]
fn long_code_takes_no_longer_than_it_has_to() {
    let pairs =
        PIECES.iter().chain(&["x = [x, x]\n", "x = x + x\n", "a = b = ", "\"${", "'a' + ", "if a else ", "{|x| "]);
    for piece in pairs {
        let code = piece.repeat(8 * 1024 / piece.len());
        for language in ALL {
            let start = Instant::now();
            scan(language, &code);
            // Hundreds of times what is to be expected, for a debug build on a busy machine.
            assert!(start.elapsed() < Duration::from_secs(3), "{language:?} {piece:?}");
        }
    }
    assert!(scan(Awk, &"1;".repeat(64 * 1024)).opaque);
}
