//! Every file of rules is read, and every example in it is judged.

use super::schema::File;
use super::*;
use crate::context::Context;
use crate::judge::Judge;

/// The files themselves, with their examples.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

#[test]
fn every_file_can_be_read() {
    assert!(shipped().mistakes.is_empty(), "{}", shipped().mistakes.join("\n"));
    assert!(shipped().by_name.len() > 1000, "{} programs", shipped().by_name.len());
}

#[test]
fn every_rule_has_an_example() {
    for (name, text) in FILES {
        let Ok(file) = toml::from_str::<File>(text) else { continue };
        for program in &file.program {
            for rule in &program.rule {
                assert!(!rule.matches.is_empty(), "{name}: {:?} {:?} has no example", program.names, rule.why);
            }
        }
    }
}

#[test]
fn every_example_does_what_it_says() {
    let context = Context::default();
    let mut wrong = Vec::new();
    let mut count = 0;
    // With the examples that the shipped rules go without.
    let mut rules = Rules { verbs: Rules::unpack().verbs, ..Rules::default() };
    for (name, text) in FILES {
        rules.add(name, toml::from_str(text).unwrap());
    }
    let rules: &'static Rules = Box::leak(Box::new(rules));
    for program in &rules.programs {
        for rule in &program.rule {
            let own = std::ptr::from_ref(rule) as usize;
            let fires = |line: &str| {
                let mut judge = Judge::new(&context);
                judge.rules = rules;
                judge.follow(line);
                judge.report.fired.contains(&own)
            };
            for line in &rule.matches {
                count += 1;
                if !fires(line) {
                    wrong.push(format!("{:?} ({}) does not match: {line}", program.names, rule.why));
                }
            }
            for line in &rule.not {
                count += 1;
                if fires(line) {
                    wrong.push(format!("{:?} ({}) matches: {line}", program.names, rule.why));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} examples are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
