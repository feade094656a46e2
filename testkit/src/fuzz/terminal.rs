//! What a machine printed, on its way to a person's terminal.

use ogent::output::format;
use ogent::output::sanitize::{self, Sanitizer};
use ogent::output::table::{Cell, Look, Table};

/// Output of a command, a text, a line, a document.
pub fn terminal(data: &[u8]) {
    let shown = clean(data, data.len().max(1));
    assert!(is_harmless(&shown), "{shown:?}");
    assert!(shown.len() <= 4 * data.len(), "{} bytes became {}", data.len(), shown.len());
    for size in [1, 2, 3, 7] {
        assert_eq!(clean(data, size), shown, "in pieces of {size} bytes it is another text");
    }
    assert_eq!(sanitize::text(&shown), shown, "what is harmless stays as it is");
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_eq!(sanitize::text(text), shown);
    if is_harmless(text) {
        assert_eq!(shown, text);
    }
    let line = sanitize::line(text);
    assert!(is_harmless(&line) && !line.contains(['\n', '\t']), "{line:?}");
    assert!(line.len() <= 4 * text.len() && sanitize::line(&line) == line);
    documents(text);
}

fn documents(text: &str) {
    let line = format::json_line(&text).unwrap();
    assert!(is_harmless(&line) && line.matches('\n').count() == 1, "{line:?}");
    assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    let yaml = format::yaml(&[text], true).unwrap();
    assert!(is_harmless(&yaml), "{yaml:?}");
}

fn clean(data: &[u8], size: usize) -> String {
    let (mut out, mut sanitizer) = (String::new(), Sanitizer::default());
    for piece in data.chunks(size) {
        sanitizer.push(piece, &mut out);
    }
    sanitizer.finish(&mut out);
    out
}

/// Nothing in the text steers a terminal. Said here once more, so that a hole in the product's own list is seen.
pub(super) fn is_harmless(text: &str) -> bool {
    text.chars().all(|c| match c {
        '\n' | '\t' => true,
        // C0 and DEL; C1, which some terminals take for the beginning of a sequence.
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => false,
        // Embeddings, overrides and isolates: <https://trojansource.codes>.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        _ => true,
    })
}

/// A table: the first byte is the width of the terminal, each further line a row of cells between tabs.
pub fn table(data: &[u8]) {
    let Some((width, cells)) = data.split_first() else { return };
    let cells = String::from_utf8_lossy(cells);
    let mut table = Table::new(["ID", "COMMAND"]);
    let mut fields = Table::default();
    let mut rows = 0;
    for line in cells.split('\n').take(20) {
        let (id, command) = line.split_once('\t').unwrap_or((line, ""));
        table.row([id.into(), command.into()]);
        fields.field("command", Cell::lines(line));
        rows += 1;
    }
    for width in [None, Some(u16::from(*width))] {
        let look = Look { width: width.filter(|width| *width > 0), has_color: false };
        let text = table.render(look);
        assert!(is_harmless(&text), "{text:?}");
        assert_eq!(text.matches('\n').count(), rows + 1, "a row is a line: {text:?}");
        let text = fields.render(look);
        assert!(is_harmless(&text), "{text:?}");
    }
}
