//! Receives rows, gives text in columns without borders.

use std::borrow::Cow;

use comfy_table::{
    Cell as StyledCell, Color, ColumnConstraint, ContentArrangement, Row, Table as Layout, Width, presets,
};
use ogent_protocol::CommandStatus;
use ogent_protocol::rest::AgentStatus;

use super::sanitize;

/// What is left to the last column at least; where that does not fit, the terminal breaks the lines.
const LAST_COLUMN: u16 = 20;

/// Rows under titles, or lines of name and value where there are no titles. The last column gives way where the
/// terminal is too narrow.
#[derive(Debug, Default)]
pub struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// One field, harmless on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    color: Option<Color>,
}

/// What the table is shown on.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Columns of the terminal; without it nothing is cut.
    pub width: Option<u16>,
    /// Whether fields have colours.
    pub has_color: bool,
}

/// Columns of the terminal on stdout, if there is one.
#[must_use]
pub fn terminal_width() -> Option<u16> {
    // Some pseudo-terminals say that they have no columns at all.
    Layout::new().width().filter(|width| *width > 0)
}

// === impl Table ===

impl Table {
    /// A table with these titles.
    #[must_use]
    pub fn new(titles: impl IntoIterator<Item = &'static str>) -> Self {
        Self { titles: titles.into_iter().collect(), rows: Vec::new() }
    }

    /// Appends a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Appends a line of name and value.
    pub fn field(&mut self, name: &str, value: impl Into<Cell>) {
        self.row([Cell::from(name), value.into()]);
    }

    /// Appends a line of name and value, where there is a value.
    pub fn optional_field(&mut self, name: &str, value: Option<impl Into<Cell>>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, each line with its newline.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let mut layout = Layout::new();
        layout.load_style(presets::NOTHING).set_truncation_indicator("…").force_no_tty();
        if look.has_color {
            layout.enforce_styling().style_text_only();
        }
        if let Some(width) = look.width {
            layout.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        if !self.titles.is_empty() {
            let mut titles = Row::from(self.titles.clone());
            titles.max_height(1);
            layout.set_header(titles);
        }
        for cells in &self.rows {
            layout.add_row(self.laid_out(cells, look));
        }
        arrange(&mut layout);
        let mut text: String = layout.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        text.shrink_to_fit();
        text
    }

    fn laid_out(&self, cells: &[Cell], look: Look) -> Row {
        if self.titles.is_empty() {
            return Row::from(cells.iter().map(|cell| cell.styled(&cell.text, look)).collect::<Vec<_>>());
        }
        // Below titles a row is one line, and the last cell ends where the terminal does.
        let last = cells.len().saturating_sub(1);
        let width = |index| look.width.filter(|_| index == last);
        let cells = cells.iter().enumerate().map(|(index, cell)| cell.styled(&cell.beginning(width(index)), look));
        let mut row = Row::from(cells.collect::<Vec<_>>());
        row.max_height(1);
        row
    }
}

/// Two blanks between columns, as kubectl has them; ids and times whole, so that they can be copied.
fn arrange(layout: &mut Layout) {
    let last = layout.column_count().saturating_sub(1);
    for (index, column) in layout.column_iter_mut().enumerate() {
        if index == last {
            column.set_padding((0, 0)).set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(LAST_COLUMN)));
        } else {
            column.set_padding((0, 2)).set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

// === impl Cell ===

impl Cell {
    /// Text of several lines, for the value of a field.
    #[must_use]
    pub fn lines(text: &str) -> Self {
        Self { text: sanitize::text(text), color: None }
    }

    /// The same with more behind it.
    #[must_use]
    pub fn with(mut self, more: &str) -> Self {
        self.text.push_str(&sanitize::line(more));
        self
    }

    /// A word in a colour.
    pub(super) fn colored(text: &str, color: Color) -> Self {
        Self { text: sanitize::line(text), color: Some(color) }
    }

    /// The text, or a dash where there is none.
    #[must_use]
    pub fn or_dash(text: Option<impl ToString>) -> Self {
        text.map_or_else(|| Self::from("-"), |text| Self::from(text.to_string()))
    }

    /// More than one line of that width can show, but not all of a long text: to lay that out takes time that grows
    /// with its square, a second for a few command lines of 64 KiB.
    fn beginning(&self, width: Option<u16>) -> Cow<'_, str> {
        let most = width.map_or(usize::MAX, |width| 4 * usize::from(width.max(LAST_COLUMN)));
        match self.text.char_indices().nth(most).and_then(|(end, _)| self.text.get(..end)) {
            Some(beginning) => Cow::Owned(format!("{beginning}…")),
            None => Cow::Borrowed(&self.text),
        }
    }

    fn styled(&self, text: &str, look: Look) -> StyledCell {
        let cell = StyledCell::new(text);
        match self.color {
            Some(color) if look.has_color => cell.fg(color),
            _ => cell,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: sanitize::line(text), color: None }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<CommandStatus> for Cell {
    fn from(status: CommandStatus) -> Self {
        let color = match status {
            CommandStatus::Succeeded => Color::Green,
            CommandStatus::Queued | CommandStatus::Accepted | CommandStatus::Running => Color::Cyan,
            CommandStatus::AwaitingApproval | CommandStatus::Cancelled | CommandStatus::Expired => Color::Yellow,
            CommandStatus::Failed
            | CommandStatus::Signaled
            | CommandStatus::TimedOut
            | CommandStatus::Rejected
            | CommandStatus::Denied
            | CommandStatus::Unspawnable
            | CommandStatus::Lost => Color::Red,
        };
        Self { text: status.to_string(), color: Some(color) }
    }
}

impl From<AgentStatus> for Cell {
    fn from(status: AgentStatus) -> Self {
        let (text, color) = match status {
            AgentStatus::Online => ("online", Color::Green),
            AgentStatus::Offline => ("offline", Color::DarkGrey),
            AgentStatus::Revoked => ("revoked", Color::Red),
        };
        Self { text: text.to_owned(), color: Some(color) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { width: None, has_color: false };

    fn sample() -> Table {
        let mut table = Table::new(["ID", "STATUS", "COMMAND"]);
        table.row(["a-long-id-that-stays-whole".into(), CommandStatus::Succeeded.into(), "echo hello".into()]);
        table.row(["b".into(), CommandStatus::TimedOut.into(), "for i in 1 2 3; do sleep $i\ndone\x1b[2J".into()]);
        table
    }

    #[test]
    fn columns_stand_below_their_titles() {
        assert_eq!(
            sample().render(PLAIN),
            "ID                          STATUS     COMMAND\n\
             a-long-id-that-stays-whole  succeeded  echo hello\n\
             b                           timed_out  for i in 1 2 3; do sleep $i\\ndone^[[2J\n"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_the_last_column_only() {
        assert_eq!(
            sample().render(Look { width: Some(60), ..PLAIN }),
            "ID                          STATUS     COMMAND\n\
             a-long-id-that-stays-whole  succeeded  echo hello\n\
             b                           timed_out  for i in 1 2 3; do…\n"
        );
    }

    #[test]
    fn of_a_very_long_cell_the_beginning_is_laid_out() {
        let shown = |text: &str| {
            let mut table = Table::new(["ID", "COMMAND"]);
            table.row(["a".into(), text.into()]);
            table.render(Look { width: Some(30), ..PLAIN })
        };
        let long = format!("echo {}", "x".repeat(200));
        assert_eq!(shown(&"\u{200b}".repeat(64 * 1024)).matches('…').count(), 1);
        assert_eq!(shown(&long.repeat(300)), shown(&long));
        assert_eq!(shown("short"), "ID  COMMAND\na   short\n");
    }

    #[test]
    fn a_very_narrow_terminal_breaks_the_lines_itself() {
        let text = sample().render(Look { width: Some(20), ..PLAIN });
        assert!(text.lines().all(|line| line.len() > 40), "{text}");
        assert!(text.contains("for i in 1 2 3; do…\n"), "{text}");
    }

    #[test]
    fn colours_come_only_where_they_are_wanted() {
        let text = sample().render(Look { has_color: true, ..PLAIN });
        assert!(text.contains("\x1b[38;5;10msucceeded"), "{text:?}");
        assert!(!text.contains("\x1b[2J"));
    }

    #[test]
    fn fields_may_have_several_lines() {
        let mut table = Table::default();
        table.field("id", "x");
        table.field("command", Cell::lines("one\ntwo"));
        table.optional_field("reason", None::<&str>);
        assert_eq!(table.render(PLAIN), "id       x\ncommand  one\n         two\n");
    }
}
