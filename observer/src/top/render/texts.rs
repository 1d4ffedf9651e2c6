//! Long texts: wrapped at words, scrolled by lines. And the screen that shows stacks.

use ratatui::text::Line;

use crate::top::Look;

/// The text in lines of at most so many characters, broken at spaces where there are any.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

/// What is seen of the lines: from `first` on, the last one at least.
pub(super) fn scrolled(lines: Vec<Line<'_>>, first: usize, height: usize) -> Vec<Line<'_>> {
    let first = first.min(lines.len().saturating_sub(1));
    lines.into_iter().skip(first).take(height).collect()
}

/// The stacks of a process, as `observer dump` prints them.
pub(super) fn stacks<'s>(
    pid: u32,
    text: Option<&'s Result<String, String>>,
    first: usize,
    look: Look,
    height: usize,
) -> Vec<Line<'s>> {
    let title = format!(" stacks of process {pid}");
    let mut lines = vec![Line::styled(title, look.header())];
    let room = height.saturating_sub(1);
    match text {
        None => lines.push(Line::raw(" asking every task for its stack")),
        Some(Ok(text)) => {
            lines.extend(scrolled(text.lines().map(Line::raw).collect(), first, room));
        }
        Some(Err(why)) => {
            lines.push(Line::styled(" there are none:", look.warning()));
            lines.extend(
                wrapped(why, 78)
                    .into_iter()
                    .map(|text| Line::raw(format!(" {text}"))),
            );
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_and_words_that_are_too_long_anywhere() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrapped("", 7), [""]);
    }

    #[test]
    fn a_line_of_the_text_stays_in_sight() {
        let lines = || (0..3).map(|line| Line::raw(line.to_string())).collect();
        let shown = |first, height| -> Vec<String> {
            let lines = scrolled(lines(), first, height).into_iter();
            lines.map(|line| line.to_string()).collect()
        };
        assert_eq!(shown(1, 9), ["1", "2"]);
        assert_eq!(shown(99, 9), ["2"]);
        assert_eq!(shown(0, 1), ["0"]);
    }
}
