//! Lines are drawn with their marks in the right columns, whatever they hold.

use super::*;
use proptest::prelude::*;

const PLAIN: Look = Look { width: None, has_color: false };

fn marks(text: &str, spans: &[(usize, usize, Mark)]) -> Marks {
    let mut marks = Marks::none(text);
    for (start, end, mark) in spans {
        marks.add(text, *start, *end, *mark);
    }
    marks
}

fn shown(text: &str, start: usize, end: usize) -> String {
    underline(text, &marks(text, &[(start, end, Mark::Worst)]), Extent::Excerpt, PLAIN)
}

#[test]
fn what_is_meant_is_underlined() {
    for (text, start, end, expected) in [
        ("rm -rf /", 0, 8, "  rm -rf /\n  ^^^^^^^^\n"),
        ("ls; rm x", 4, 6, "  ls; rm x\n      ^^\n"),
        // Bytes are not columns.
        ("echo grüße; rm x", 14, 16, "  echo grüße; rm x\n              ^^\n"),
        ("echo 世界; rm x", 13, 15, "  echo 世界; rm x\n             ^^\n"),
        ("echo 🦀; rm x", 5, 9, "  echo 🦀; rm x\n       ^^\n"),
        ("e\u{301}; rm x", 5, 7, "  e\u{301}; rm x\n     ^^\n"),
        // A tab is as wide as it is.
        ("a\trm x", 2, 4, "  a       rm x\n          ^^\n"),
        ("a\trm x", 1, 2, "  a       rm x\n   ^^^^^^^\n"),
        ("世\trm", 4, 6, "  世      rm\n          ^^\n"),
        // What would steer the terminal is shown, and underlined with its whole width.
        ("a\x1b[m rm", 1, 2, "  a^[[m rm\n   ^^\n"),
        ("a\u{202e}b", 1, 4, "  a\\u{202e}b\n   ^^^^^^^^\n"),
        ("rm\u{200b} x\u{a0}y", 0, 2, "  rm\\u{200b} x\\u{a0}y\n  ^^\n"),
        ("a\r\nb", 3, 4, "  a^M\n  b\n  ^\n"),
        // Several lines: each has its own.
        ("a; rm \\\n  -rf /\nls", 3, 15, "  a; rm \\\n     ^^^^\n    -rf /\n  ^^^^^^^\n  ls\n"),
        ("ls\nrm x\nls", 3, 7, "  ls\n  rm x\n  ^^^^\n  ls\n"),
        ("\n\nrm", 2, 4, "\n\n  rm\n  ^^\n"),
        // Places without width, and those at the end.
        ("if x", 4, 4, "  if x\n      ^\n"),
        ("if x", 4, 9, "  if x\n      ^\n"),
        ("if x", 900, 901, "  if x\n      ^\n"),
        ("if x\n", 5, 5, "  if x\n\n  ^\n"),
        ("if\nx", 2, 2, "  if\n    ^\n  x\n"),
        ("abc", 1, 1, "  abc\n   ^\n"),
        ("", 0, 0, "\n  ^\n"),
        // Places that are no characters.
        ("aüb", 2, 2, "  aüb\n   ^\n"),
        ("aüb", 2, 1, "  aüb\n   ^\n"),
        ("a\u{301}b", 1, 3, "  a\u{301}b\n  ^\n"),
        ("\u{301}b", 0, 2, "  \\u{301}b\n  ^^^^^^^\n"),
        ("ba\u{301}", 2, 4, "  ba\u{301}\n   ^\n"),
    ] {
        assert_eq!(shown(text, start, end), expected, "{text:?} {start}..{end}");
    }
}

#[test]
fn the_worse_mark_wins() {
    let text = "sudo rm $X";
    let all = [(0, 10, Mark::Lesser), (5, 10, Mark::Worst), (8, 10, Mark::Opaque), (4, 5, Mark::Opaque)];
    assert_eq!(underline(text, &marks(text, &all), Extent::Whole, PLAIN), "  sudo rm $X\n  -----^^^^^\n");
    assert_eq!(underline(text, &marks(text, &[]), Extent::Whole, PLAIN), "  sudo rm $X\n");
}

#[test]
fn a_long_line_is_broken_and_keeps_its_marks() {
    let text = "echo one two three; rm x";
    let all = marks(text, &[(14, 22, Mark::Worst)]);
    let look = Look { width: Some(20), has_color: false };
    assert_eq!(
        underline(text, &all, Extent::Whole, look),
        "  echo one two thre\n                ^^^\n… e; rm x\n  ^^^^^\n"
    );
}

#[test]
fn of_many_lines_those_with_marks_are_shown() {
    let text: String = (0..100).map(|n| format!("echo {n}\n")).collect();
    let at = text.find("echo 50").unwrap();
    let all = marks(&text, &[(at, at + 4, Mark::Worst)]);
    assert_eq!(
        underline(&text, &all, Extent::Excerpt, PLAIN),
        "  echo 0\n  [48 lines more]\n  echo 49\n  echo 50\n  ^^^^\n  echo 51\n  [47 lines more]\n  echo 99\n"
    );
    assert_eq!(underline(&text, &all, Extent::Whole, PLAIN).lines().count(), 101);
    let everywhere = marks(&text, &[(0, text.len(), Mark::Worst)]);
    assert!(underline(&text, &everywhere, Extent::Excerpt, PLAIN).lines().count() <= 2 * MANY_ROWS + 1);
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let all = marks("a rm", &[(2, 4, Mark::Worst)]);
    let text = underline("a rm", &all, Extent::Whole, Look { has_color: true, ..PLAIN });
    assert_eq!(text, "  a \x1b[1;31mrm\x1b[0m\n    \x1b[1;31m^^\x1b[0m\n");
}

/// Text in which everything that matters is frequent.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z ;|$]{1,6}",
        2 => Just("\t".to_owned()),
        2 => Just("\n".to_owned()),
        1 => Just("ü世🦀".to_owned()),
        1 => Just("e\u{301}".to_owned()),
        1 => Just("\u{1b}[31m".to_owned()),
        1 => Just("\u{202e}\u{200b}".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// Pairs of a row and the row of signs below it, which may be empty.
fn pairs(out: &str) -> Vec<(String, String)> {
    let body = |line: &str| line.chars().skip(INDENT.chars().count()).collect::<String>();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for line in out.lines() {
        let is_signs = line.contains('^') && line.chars().all(|c| c == '^' || c == ' ');
        match pairs.last_mut() {
            Some((_, signs)) if is_signs && signs.is_empty() => *signs = body(line),
            _ => pairs.push((body(line), String::new())),
        }
    }
    pairs
}

/// What stands over signs, found by the columns of what was printed.
fn over_signs(out: &str) -> String {
    let mut over = String::new();
    for (row, signs) in pairs(out) {
        let signs: Vec<char> = signs.chars().collect();
        let mut column = 0;
        for c in row.chars() {
            let width = c.width().unwrap_or(0);
            if (column..column + width).any(|at| signs.get(at) == Some(&'^')) {
                assert!((column..column + width).all(|at| signs.get(at) == Some(&'^')), "half a character: {out}");
                over.push(c);
            }
            column += width;
        }
    }
    over
}

/// The same characters, as far as they take place and are no blanks.
fn visible(text: &str) -> String {
    let shown: String = text.chars().filter(|c| *c != '\n').map(|c| shown_as(c, 0, false).0).collect();
    shown.chars().filter(|c| *c != ' ' && c.width().is_some_and(|width| width > 0)).collect()
}

proptest! {
    #[test]
    fn what_stands_over_the_signs_is_what_was_meant(
        text in text().prop_filter("signs of its own", |text| !text.contains('^') && !text.contains('\u{301}')),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        width in proptest::option::of(10_u16..40),
    ) {
        let text: String = text.chars().filter(|c| c.width() != Some(0) || sanitize::is_deceptive(*c)).collect();
        let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
        let (start, end) = (text.floor_char_boundary(from.min(to)), text.ceil_char_boundary(from.max(to)));
        prop_assume!(start < end);
        // A caret that stands for a control character would look like a sign.
        prop_assume!(!text.chars().any(|c| c.is_ascii_control() && c != '\n' && c != '\t'));
        let all = marks(&text, &[(start, end, Mark::Worst)]);
        let out = underline(&text, &all, Extent::Whole, Look { width, has_color: false });
        let over: String = over_signs(&out).chars().filter(|c| *c != ' ').collect();
        prop_assert_eq!(over, visible(&text[start..end]), "{:?}", out);
        prop_assert!(out.contains('^'), "{:?}", out);
    }

    #[test]
    fn all_of_it_is_shown_and_nothing_else(
        text in text(), width in proptest::option::of(0_u16..60), spans in proptest::collection::vec((0_usize..60, 0_usize..60), 0..4),
    ) {
        let spans: Vec<(usize, usize, Mark)> = spans.into_iter().map(|(a, b)| (a, b, Mark::Worst)).collect();
        let out = underline(&text, &marks(&text, &spans), Extent::Whole, Look { width, has_color: false });
        prop_assert!(!out.chars().any(|c| sanitize::is_harmful(c) && c != '\n'), "{:?}", out);
        prop_assert!(!out.contains('\t'));
        let most = width.map_or(usize::MAX, |width| usize::from(width).max(LEAST_COLUMNS + INDENT.len()));
        let columns = |line: &str| line.chars().filter_map(|c| c.width()).sum::<usize>();
        prop_assert!(out.lines().all(|line| columns(line) <= most), "{:?}", out);
        let unmarked = underline(&text, &Marks::none(&text), Extent::Whole, Look { width, has_color: false });
        let body: String = unmarked.lines().flat_map(|line| line.chars().skip(2)).filter(|c| *c != ' ').collect();
        // At the beginning of a row what has no width of its own is shown by its number.
        let has_over = text.chars().any(|c| c.width() == Some(0) && !sanitize::is_deceptive(c));
        prop_assert!(has_over || visible(&body) == visible(&text), "{:?}", unmarked);
        let colored = underline(&text, &marks(&text, &spans), Extent::Whole, Look { width, has_color: true });
        let colored = colored.replace("\x1b[1;31m", "").replace("\x1b[0m", "");
        let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        prop_assert_eq!(trimmed(&colored), trimmed(&out));
    }
}
