//! Programs that print what the next one in a pipe may run: what comes out of them where what goes in is known.

use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::decode;
use crate::judge::Judge;
use crate::word::Word;

/// `echo`.
pub(crate) fn echo(args: &[Word], span: Span) -> Data {
    let flags = args.iter().take_while(|word| {
        word.known().is_some_and(|text| {
            text.len() > 1 && text.starts_with('-') && text.bytes().skip(1).all(|b| b"neE".contains(&b))
        })
    });
    let flags: Vec<&Word> = flags.collect();
    let interprets = flags.iter().any(|word| word.text.contains('e'));
    let silent = flags.iter().any(|word| word.text.contains('n'));
    let mut line = crate::shell_joined(args.get(flags.len()..).unwrap_or_default(), span);
    // `sh` interprets without being asked to, so that both are looked at where there is something to interpret.
    if (interprets || line.text.contains("\\x") || line.text.contains("\\0") || line.text.contains("\\n"))
        && line.holes.is_empty()
    {
        line.text = decode::escapes(&line.text, false);
    }
    if !silent {
        line.text.push('\n');
    }
    Data::word(line)
}

/// `printf`, without `-v`.
pub(crate) fn printf(args: &[Word], span: Span) -> Data {
    let args = args.strip_prefix(&[Word::literal("--", Span::default())][..]).unwrap_or(args);
    let Some((format, mut rest)) = args.split_first() else { return Data::nothing() };
    let Some(text) = format.known() else { return Data::word(Word::unknown(format.provenance(), span)) };
    let text = decode::escapes(text, false);
    let mut out = Word::literal("", span);
    if text != format.text {
        out.source = Provenance::Decoded;
    }
    // The format is used again until no argument is left.
    for _ in 0..64 {
        let before = rest.len();
        rest = once(&text, rest, &mut out);
        if rest.is_empty() || rest.len() == before {
            break;
        }
    }
    Data::word(out)
}

fn once<'a>(format: &str, mut rest: &'a [Word], out: &mut Word) -> &'a [Word] {
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.text.push(c);
            continue;
        }
        while chars.next_if(|c| c.is_ascii_digit() || "-+ #.*'".contains(*c)).is_some() {}
        match chars.next() {
            Some('%') | None => out.text.push('%'),
            Some(kind) => {
                let word = rest.first().cloned().unwrap_or_default();
                rest = rest.get(1..).unwrap_or_default();
                match (kind, word.known()) {
                    ('b', Some(text)) => {
                        out.text.push_str(&decode::escapes(text, false));
                        out.source = out.source.max(Provenance::Decoded);
                    }
                    ('c', Some(text)) => out.text.extend(text.chars().next()),
                    ('x', Some(text)) => match text.parse::<i64>() {
                        Ok(number) => out.text.push_str(&format!("{number:x}")),
                        Err(_) => out.text.push_str(text),
                    },
                    ('o', Some(text)) => match text.parse::<i64>() {
                        Ok(number) => out.text.push_str(&format!("{number:o}")),
                        Err(_) => out.text.push_str(text),
                    },
                    _ => out.push(&word),
                }
            }
        }
        if out.text.len() > crate::limits::MAX_EXPANDED_BYTES {
            return &[];
        }
    }
    rest
}

/// What a filter prints, where its input is known and it has no more to do than to change text.
pub(crate) fn model(judge: &mut Judge<'_>, name: &str, args: &[Word], stdin: &Data, span: Span) -> Option<Data> {
    let decoded = |text: Option<String>| match text {
        Some(text) => Some(Data {
            source: stdin.source.max(Provenance::Decoded),
            secret: stdin.secret,
            ..Data::known(text, span)
        }),
        None => Some(stdin.changed()),
    };
    let has = |flags: &[&str]| args.iter().any(|word| flags.iter().any(|flag| word.is(flag)));
    let cluster = |letter: char| {
        args.iter().any(|word| word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains(letter))
    };
    let files: Vec<Word> =
        args.iter().filter(|word| !word.text.starts_with('-') || word.text.len() == 1).cloned().collect();
    match name {
        "cat" | "zcat" | "gzcat" | "bzcat" | "xzcat" => {
            let mut data = Data::nothing();
            if files.is_empty() {
                data = stdin.clone();
            }
            for file in &files {
                if file.is("-") {
                    data = data.then(stdin.clone());
                    continue;
                }
                judge.touch(EffectKind::Read, file, false, file.span);
                data = data.then(judge.read_file(file, file.span));
            }
            if name != "cat" && !data.nothing {
                data = data.changed();
            }
            Some(data)
        }
        "base64" | "gbase64" | "base32" | "basenc" => {
            let source = match files.iter().find(|file| !file.is("-")) {
                Some(file) => {
                    judge.touch(EffectKind::Read, file, false, file.span);
                    judge.read_file(file, span)
                }
                None => stdin.clone(),
            };
            if !(has(&["--decode", "-D"]) || cluster('d') || cluster('D')) {
                return Some(source.changed());
            }
            let text = source.plain().filter(|_| !source.nothing).and_then(|text| {
                if name == "base32" || has(&["--base32"]) { decode::base32(text) } else { decode::base64(text) }
            });
            match text {
                Some(text) => Some(Data {
                    source: source.source.max(Provenance::Decoded),
                    secret: source.secret,
                    ..Data::known(text, span)
                }),
                None => Some(source.changed()),
            }
        }
        "xxd" if cluster('r') && files.is_empty() => decoded(stdin.plain().and_then(decode::hex)),
        "rev" if files.is_empty() => decoded(
            stdin.plain().map(|text| text.lines().map(|line| line.chars().rev().collect::<String>() + "\n").collect()),
        ),
        "tac" if files.is_empty() => {
            decoded(stdin.plain().map(|text| text.lines().rev().map(|line| format!("{line}\n")).collect()))
        }
        "tr" => {
            let text = stdin.plain().filter(|_| !stdin.nothing).and_then(|text| translated(text, args));
            match text {
                Some(text) => decoded(Some(text)),
                None => Some(Data { below: stdin.below.clone(), ..stdin.changed() }),
            }
        }
        "cut" if stdin.plain().is_some() && !stdin.nothing => decoded(cut(stdin.plain().unwrap_or_default(), args)),
        "which" | "basename" | "dirname" | "realpath" | "readlink" => {
            let known = files.first().and_then(|word| word.known());
            Some(match (name, known) {
                ("which", Some(text)) => Data::known(format!("{text}\n"), span),
                ("basename", Some(text)) => {
                    Data::known(format!("{}\n", text.trim_end_matches('/').rsplit('/').next().unwrap_or(text)), span)
                }
                ("dirname", Some(text)) => Data::known(
                    text.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder }),
                    span,
                ),
                ("realpath", Some(_)) => files.first().map(|word| Data::word(word.clone())).unwrap_or_default(),
                _ => Data::unknown(Provenance::CommandOutput),
            })
        }
        // A folder or file of its own, below the one for such things.
        "mktemp"
            if files.is_empty()
                && !args.iter().any(|word| word.text.starts_with("-p") || word.text.starts_with("--tmpdir")) =>
        {
            Some(Data::known("/tmp/tmp.of-its-own\n", span))
        }
        "whoami" | "logname" => judge
            .context
            .user
            .clone()
            .map(|user| Data::known(user, span))
            .or_else(|| Some(Data::unknown(Provenance::Literal))),
        "nproc" | "uname" | "arch" | "date" | "hostname"
            if files.is_empty() && name != "hostname" && name != "date" =>
        {
            Some(Data::unknown(Provenance::Literal))
        }
        _ => None,
    }
}

/// What a filter prints that has rules: one line passes through it as it is.
pub(crate) fn filtered(name: &str, args: &[Word], stdin: &Data) -> Option<Data> {
    if !matches!(
        name,
        "grep"
            | "egrep"
            | "fgrep"
            | "sort"
            | "uniq"
            | "head"
            | "tail"
            | "shuf"
            | "nl"
            | "fold"
            | "fmt"
            | "column"
            | "pv"
            | "unbuffer"
            | "sponge"
    ) {
        return None;
    }
    let operands = args.iter().filter(|word| !word.text.starts_with('-')).count();
    let own_operands = usize::from(matches!(name, "grep" | "egrep" | "fgrep"));
    (operands <= own_operands && !stdin.nothing).then(|| stdin.filtered())
}

fn translated(text: &str, args: &[Word]) -> Option<String> {
    let options: String = args
        .iter()
        .filter(|word| word.text.starts_with('-') && word.text.len() > 1)
        .map(|word| word.text.trim_start_matches('-'))
        .collect();
    let sets: Vec<&str> = args
        .iter()
        .filter(|word| !(word.text.starts_with('-') && word.text.len() > 1))
        .map(|word| word.known())
        .collect::<Option<_>>()?;
    let deletes = options.contains('d');
    let complement = options.contains(['c', 'C']);
    match (sets.as_slice(), deletes) {
        ([set], true) => decode::translate(text, set, None, complement),
        ([from, to], false) => decode::translate(text, from, Some(to), complement),
        _ => None,
    }
}

fn cut(text: &str, args: &[Word]) -> Option<String> {
    let mut delimiter = '\t';
    let (mut fields, mut chars) = (None, None);
    let mut at = 0;
    while let Some(word) = args.get(at) {
        let text = word.known()?;
        let mut take = |stuck: &str| -> Option<String> {
            if stuck.is_empty() {
                at += 1;
                args.get(at)?.known().map(str::to_owned)
            } else {
                Some(stuck.to_owned())
            }
        };
        match text.get(..2)? {
            "-d" => delimiter = take(text.get(2..)?)?.chars().next()?,
            "-f" => fields = Some(take(text.get(2..)?)?),
            "-c" | "-b" => chars = Some(take(text.get(2..)?)?),
            _ => return None,
        }
        at += 1;
    }
    let pick = |line: &str| -> Option<String> {
        match (&fields, &chars) {
            (Some(list), _) => {
                let parts: Vec<&str> = line.split(delimiter).collect();
                Some(
                    range(list, parts.len())?
                        .filter_map(|at| parts.get(at).copied())
                        .collect::<Vec<_>>()
                        .join(&delimiter.to_string()),
                )
            }
            (None, Some(list)) => {
                let all: Vec<char> = line.chars().collect();
                Some(range(list, all.len())?.filter_map(|at| all.get(at)).collect())
            }
            (None, None) => None,
        }
    };
    text.lines().map(|line| pick(line).map(|line| line + "\n")).collect()
}

/// `2`, `2-`, `-3`, `2-4`: places from 0.
fn range(list: &str, len: usize) -> Option<std::ops::Range<usize>> {
    let (from, to) = match list.split_once('-') {
        None => (list.parse::<usize>().ok()?, list.parse::<usize>().ok()?),
        Some(("", to)) => (1, to.parse().ok()?),
        Some((from, "")) => (from.parse().ok()?, len),
        Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
    };
    (from > 0).then(|| from - 1..to.min(len))
}
