//! Receives a command and its marks, gives it line by line with what is dangerous underlined.
//!
//! What stands above and what stands below have to agree on a terminal: so tabs become blanks, each character counts by
//! its width, and long lines are broken here and not by the terminal.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use super::marks::{Mark, Marks};
use crate::output::sanitize;
use crate::output::table::Look;

/// Before each line; before the rest of a line that was broken.
const INDENT: &str = "  ";
const BROKEN: &str = "… ";

/// Columns between two stops of the tabulator, as terminals have them.
const TAB: usize = 8;

/// Columns that a row has at least, however narrow the terminal is: no single character is wider.
const LEAST_COLUMNS: usize = 12;

/// Rows that are shown; of more than these, those with marks and their neighbours.
const MANY_ROWS: usize = 24;

/// How much of a long command is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it: somebody is to judge it.
    Whole,
    /// What is marked, the beginning and the end.
    Excerpt,
}

/// Some characters with the same mark.
#[derive(Debug)]
struct Piece {
    text: String,
    width: usize,
    mark: Option<Mark>,
}

/// What stands on one row of the terminal.
#[derive(Debug, Default)]
struct Row {
    pieces: Vec<Piece>,
    width: usize,
    /// Whether it goes on with the line of the row before.
    is_rest: bool,
}

/// The command, each row of it followed by a row of signs where something in it is marked.
pub(crate) fn underline(text: &str, marks: &Marks, extent: Extent, look: Look) -> String {
    let columns = look.width.map(|width| usize::from(width).saturating_sub(INDENT.len()).max(LEAST_COLUMNS));
    let rows = rows(text, marks, columns.unwrap_or(usize::MAX));
    let shown = shown(&rows, extent);
    let mut out = String::new();
    let mut left_out = 0;
    for (row, is_shown) in rows.iter().zip(shown) {
        if is_shown {
            push_left_out(&mut out, std::mem::take(&mut left_out));
            row.push(&mut out, look.has_color);
        } else {
            left_out += 1;
        }
    }
    push_left_out(&mut out, left_out);
    out
}

/// Any text in the same way, without marks and whole.
pub(crate) fn plain(text: &str, look: Look) -> String {
    underline(text, &Marks::none(text), Extent::Whole, look)
}

fn push_left_out(out: &mut String, rows: usize) {
    if rows > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{INDENT}[{rows} lines more]");
    }
}

fn rows(text: &str, marks: &Marks, columns: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = Row::default();
    // Where the line stands as a whole, however often it was broken: tabs count from its beginning.
    let mut column = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        let mark = marks.at(at);
        if c == '\n' {
            // What spans lines has its signs below these; what begins here would have none.
            if mark.is_some() && before != mark {
                row.add(" ", 1, mark);
            }
            rows.push(std::mem::take(&mut row));
            column = 0;
        } else {
            let (shown, width) = shown_as(c, column, row.width == 0);
            if row.width + width >= columns {
                rows.push(std::mem::replace(&mut row, Row { is_rest: true, ..Row::default() }));
            }
            row.add(&shown, width, mark);
            column += width;
        }
        before = mark;
    }
    if let Some(mark) = marks.at(text.len()) {
        row.add(" ", 1, Some(mark));
    }
    if !row.pieces.is_empty() || rows.is_empty() {
        rows.push(row);
    }
    rows
}

/// What stands for a character, and its width. At the beginning of a row nothing is there that it could stand over.
fn shown_as(c: char, column: usize, is_first: bool) -> (String, usize) {
    let mut shown = String::new();
    match c {
        '\t' => shown.extend(std::iter::repeat_n(' ', TAB - column % TAB)),
        c if sanitize::is_deceptive(c) || (is_first && c.width() == Some(0)) => shown.extend(c.escape_unicode()),
        c => sanitize::push_visible(c, &mut shown),
    }
    let width = shown.chars().filter_map(unicode_width::UnicodeWidthChar::width).sum();
    (shown, width)
}

/// Which rows are shown.
fn shown(rows: &[Row], extent: Extent) -> Vec<bool> {
    if extent == Extent::Whole || rows.len() <= MANY_ROWS {
        return vec![true; rows.len()];
    }
    let is_near = |at: usize| {
        let first = at.saturating_sub(1);
        rows.iter().skip(first).take(at + 2 - first).any(Row::is_marked)
    };
    let mut shown: Vec<bool> = (0..rows.len()).map(|at| at == 0 || at + 1 == rows.len() || is_near(at)).collect();
    // Marks everywhere: the first ones say enough.
    for is_shown in shown.iter_mut().filter(|is_shown| **is_shown).skip(MANY_ROWS) {
        *is_shown = false;
    }
    shown
}

// === impl Row ===

impl Row {
    fn add(&mut self, text: &str, width: usize, mark: Option<Mark>) {
        self.width += width;
        if let Some(last) = self.pieces.last_mut() {
            // What has no width belongs to what it stands over, with the worse mark of both.
            if last.mark == mark || (width == 0 && mark < last.mark) {
                last.text.push_str(text);
                last.width += width;
                return;
            }
            if width == 0 {
                self.mark_last(text, mark);
                return;
            }
        }
        self.pieces.push(Piece { text: text.to_owned(), width, mark });
    }

    /// Puts what has no width over the last character, and marks that.
    fn mark_last(&mut self, text: &str, mark: Option<Mark>) {
        let Some(last) = self.pieces.last_mut() else { return };
        let at = last.text.char_indices().rev().find(|(_, c)| c.width().is_some_and(|width| width > 0));
        let over = last.text.split_off(at.map_or(0, |(at, _)| at));
        let width = over.chars().filter_map(unicode_width::UnicodeWidthChar::width).sum();
        last.width -= width;
        if last.text.is_empty() {
            self.pieces.pop();
        }
        self.pieces.push(Piece { text: over + text, width, mark });
    }

    fn is_marked(&self) -> bool {
        self.pieces.iter().any(|piece| piece.mark.is_some())
    }

    fn push(&self, out: &mut String, has_color: bool) {
        out.push_str(if self.is_rest { BROKEN } else { INDENT });
        for piece in &self.pieces {
            styled(out, &piece.text, piece.mark, has_color);
        }
        end(out);
        if self.is_marked() {
            out.push_str(INDENT);
            for piece in &self.pieces {
                let sign = piece.mark.map_or(' ', Mark::sign).to_string();
                styled(out, &sign.repeat(piece.width), piece.mark, has_color);
            }
            end(out);
        }
    }
}

fn styled(out: &mut String, text: &str, mark: Option<Mark>, has_color: bool) {
    match mark {
        Some(mark) if has_color => {
            let _ = write!(out, "\x1b[{}m{text}\x1b[0m", mark.color());
        }
        _ => out.push_str(text),
    }
}

/// Ends a row, without the blanks at its end.
fn end(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

#[cfg(test)]
mod tests;
