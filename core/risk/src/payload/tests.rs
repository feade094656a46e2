//! What code does, language by language.

mod deeds;
mod filters;
mod hostile;
mod scripts;
mod statements;

use ogent_protocol::verdict::EffectKind;

use super::{Language, Payload, scan};

/// All of it is understood, and it only computes and prints.
#[track_caller]
fn plain(language: Language, codes: &[&str]) {
    for code in codes {
        let found = scan(language, code);
        assert!(found.plain, "{language:?} {code}\n{found:?}");
    }
}

/// Not proved harmless.
#[track_caller]
fn unproved(language: Language, codes: &[&str]) {
    for code in codes {
        let found = scan(language, code);
        assert!(!found.plain, "{language:?} {code}\n{found:?}");
    }
}

/// Executes what nobody can see.
#[track_caller]
fn unseen(language: Language, codes: &[&str]) {
    for code in codes {
        let found = scan(language, code);
        assert!(found.runs_unknown && !found.plain, "{language:?} {code}\n{found:?}");
    }
}

/// Hands a line to a shell.
#[track_caller]
fn shell(language: Language, cases: &[(&str, &str)]) {
    for (code, line) in cases {
        let found = scan(language, code);
        assert!(found.shell.iter().any(|other| other == line) && !found.plain, "{language:?} {code}\n{found:?}");
    }
}

/// Starts a program.
#[track_caller]
fn argv(language: Language, cases: &[(&str, &[&str])]) {
    for (code, words) in cases {
        let found = scan(language, code);
        assert!(found.argvs.iter().any(|other| other == words) && !found.plain, "{language:?} {code}\n{found:?}");
    }
}

/// Does something to something.
#[track_caller]
fn effect(language: Language, cases: &[(&str, EffectKind, &str)]) {
    for (code, kind, target) in cases {
        let found = scan(language, code);
        let target = Some((*target).to_owned()).filter(|target| !target.is_empty());
        let has = found.effects.iter().any(|(other, on, _)| other == kind && *on == target);
        assert!(has, "{language:?} {code}\n{found:?}");
    }
}

/// Gives the other end of a connection a shell.
#[track_caller]
fn remote(language: Language, codes: &[&str]) {
    for code in codes {
        let found = scan(language, code);
        assert!(found.remote_shell, "{language:?} {code}\n{found:?}");
    }
}

#[test]
fn nothing_does_nothing() {
    for language in hostile::ALL {
        let found = scan(language, "");
        let expected =
            Payload { plain: language != Language::Other, opaque: language == Language::Other, ..Payload::default() };
        assert_eq!(found, expected, "{language:?}");
    }
}
