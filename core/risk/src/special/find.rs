//! `find`: what it deletes, and what it runs for what it finds.

use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::special::wrap::replace;
use crate::word::Word;

/// Tests that single out what has a certain name.
const BY_NAME: &[&str] =
    &["-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex", "-inum", "-samefile", "-lname"];

impl Judge<'_> {
    pub(crate) fn find(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let is_path = |word: &&Word| {
            !(word.prefix().starts_with('-') && word.prefix().len() > 1
                || ["(", ")", "!", ","].iter().any(|text| word.is(text)))
        };
        let leading = args
            .iter()
            .take_while(|word| ["-H", "-L", "-P"].iter().any(|text| word.is(text)) || word.prefix().starts_with("-O"))
            .count();
        let args = args.get(leading..).unwrap_or_default();
        let mut roots: Vec<Word> = args.iter().take_while(is_path).cloned().collect();
        if roots.is_empty() {
            roots.push(Word::literal(".", span));
        }
        let rest = args.get(args.iter().take_while(is_path).count()..).unwrap_or_default();
        let named = rest
            .iter()
            .zip(rest.iter().skip(1))
            .find(|(test, value)| BY_NAME.iter().any(|name| test.is(name)) && !value.is("*"));
        let itself = rest.iter().zip(rest.iter().skip(1)).any(|(test, value)| test.is("-maxdepth") && value.is("0"));
        let found: Vec<Word> =
            roots.iter().map(|root| found_below(root, named.map(|(_, value)| value), itself)).collect();
        let mut at = 0;
        while let Some(word) = rest.get(at) {
            match word.text.as_str() {
                "-delete" => {
                    found.iter().for_each(|target| self.touch(EffectKind::Delete, target, named.is_none(), span))
                }
                "-exec" | "-execdir" | "-ok" | "-okdir" => {
                    let end = rest
                        .iter()
                        .skip(at + 1)
                        .position(|word| word.is(";") || word.is("+") && at > 0)
                        .map_or(rest.len(), |n| at + 1 + n);
                    let inner = rest.get(at + 1..end).unwrap_or_default();
                    for target in &found {
                        let call: Vec<Word> = inner.iter().map(|word| replace(word, "{}", target)).collect();
                        self.aside(|judge| judge.command(call, stdin, span));
                    }
                    at = end;
                }
                "-fprint" | "-fprint0" | "-fls" | "-fprintf" => {
                    if let Some(file) = rest.get(at + 1).cloned() {
                        self.write_file(&file, true, span);
                    }
                    at += 1;
                }
                "-files0-from" => at += 1,
                _ => {}
            }
            at += 1;
        }
        let below = if itself {
            None
        } else {
            roots.first().map(|root| {
                if named.is_some() { found_below(root, named.map(|(_, value)| value), false) } else { root.clone() }
            })
        };
        Data { below, ..Data::unknown(Provenance::CommandOutput) }
    }
}

/// What stands for the things that are found below a folder.
fn found_below(root: &Word, name: Option<&Word>, itself: bool) -> Word {
    if itself {
        return root.clone();
    }
    let mut word = Word::below(root);
    if let Some(name) = name {
        word.text.push_str(name.text.trim_matches('*'));
    }
    word
}
