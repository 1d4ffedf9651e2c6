//! What commands print on stdout: tables and JSON.

use std::io::{self, Write as _};

use serde::Serialize;

/// Prints to stdout. A reader that has gone (`| head`) is no failure.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Prints what is no text to stdout.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The value as indented JSON with a line end.
///
/// # Errors
///
/// When the value has no JSON form.
pub fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Rows under a header, each column as wide as its widest cell.
///
/// ```
/// let rows = vec![["7".to_owned(), "web".to_owned()]];
/// assert_eq!(observer::cli::output::table(["PID", "NAME"], &rows), "PID  NAME\n7    web\n");
/// ```
#[must_use]
pub fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let mut widths = header.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = line(&header, &widths);
    for row in rows {
        text += &line(&row.each_ref().map(|cell| printable(cell)), &widths);
    }
    text
}

fn line<T: AsRef<str>>(cells: &[T], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line += &format!("{:width$}  ", cell.as_ref());
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

/// Names come from files and processes that anyone wrote: no control characters reach the
/// terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["1", "é"], ["22222", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["A", "B"], &rows), "A      B\n1      é\n22222\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let rows = [["\u{1b}[2Ja\nb".to_owned()]];
        assert_eq!(table(["A"], &rows), "A\n\u{fffd}[2Ja\u{fffd}b\n");
    }
}
