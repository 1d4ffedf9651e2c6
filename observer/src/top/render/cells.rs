//! Cells of tables: text of one width, sparklines, windows on long lists.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::top::Look;

/// Text in exactly so many columns; what is too long is cut at its end.
pub(super) fn left(text: &str, width: usize, look: Look) -> String {
    let cut = cut_end(text, width, look);
    let gap = width.saturating_sub(columns(&cut));
    cut + &" ".repeat(gap)
}

/// The same at the right edge, for numbers.
pub(super) fn right(text: &str, width: usize, look: Look) -> String {
    let cut = cut_end(text, width, look);
    " ".repeat(width.saturating_sub(columns(&cut))) + &cut
}

/// The same for paths, whose end says more than their start: they are cut there.
pub(super) fn path(text: &str, width: usize, look: Look) -> String {
    if columns(text) <= width {
        return left(text, width, look);
    }
    let mut kept: Vec<char> = Vec::new();
    let mut room = width.saturating_sub(1);
    for character in text.chars().rev() {
        let needed = columns(character.encode_utf8(&mut [0; 4]));
        if needed > room {
            break;
        }
        room -= needed;
        kept.push(character);
    }
    let end: String = kept.into_iter().rev().collect();
    left(&format!("{}{end}", look.ellipsis()), width, look)
}

fn cut_end(text: &str, width: usize, look: Look) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut room = width.saturating_sub(1);
    for character in text.chars() {
        let needed = columns(character.encode_utf8(&mut [0; 4]));
        if needed > room {
            break;
        }
        room -= needed;
        cut.push(character);
    }
    if width > 0 {
        cut.push(look.ellipsis());
    }
    cut
}

/// Columns that a terminal needs.
fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

/// Numbers as bars, at the right edge. The scale is from the least to the greatest of them, or a
/// tenth of that around them: a leak that is small against what is there is seen, noise is not.
pub(super) fn sparkline(numbers: &[u64], width: usize, look: Look) -> String {
    let numbers = &numbers[numbers.len().saturating_sub(width)..];
    let (Some(least), Some(most)) = (numbers.iter().min(), numbers.iter().max()) else {
        return " ".repeat(width);
    };
    let (least, most) = (*least as f64, *most as f64);
    let range = (most - least).max(most / 10.0).max(1.0);
    // A little below the middle, so that noise around it stays within one bar.
    let bottom = f64::midpoint(least, most) - 0.45 * range;
    let bars = look.bars();
    let bar = |number: &u64| {
        let part = (*number as f64 - bottom) / range;
        bars[((part * bars.len() as f64) as usize).min(bars.len() - 1)]
    };
    let line: String = numbers.iter().map(bar).collect();
    " ".repeat(width - numbers.len()) + &line
}

/// The names of a table's columns.
pub(super) fn header<const COLUMNS: usize>(cells: [String; COLUMNS], look: Look) -> Line<'static> {
    let cells = cells.map(|cell| (cell, look.header()));
    row(cells.into(), false, look)
}

/// A row of a list: a sign and the look of a chosen one, or the style that its cells have.
pub(super) fn row(cells: Vec<(String, Style)>, is_chosen: bool, look: Look) -> Line<'static> {
    let sign = if is_chosen { ">" } else { " " };
    let mut spans = vec![Span::raw(sign)];
    for (index, (text, style)) in cells.into_iter().enumerate() {
        if index > 0 {
            spans.push(Span::raw(" "));
        }
        let style = if is_chosen { Style::new() } else { style };
        spans.push(Span::styled(text, style));
    }
    let line = Line::from(spans);
    if is_chosen {
        line.style(look.chosen())
    } else {
        line
    }
}

/// Which of `count` rows are shown in `height` lines, so that the chosen one is among them.
pub(super) fn window(count: usize, height: usize, chosen: usize) -> std::ops::Range<usize> {
    let last_start = count.saturating_sub(height);
    let start = chosen.saturating_sub(height / 2).min(last_start);
    start..count.min(start + height)
}

/// `p1 x2`, or nothing.
pub(super) fn severity(findings: Option<(&str, usize)>) -> String {
    match findings {
        None => String::new(),
        Some((worst, 1)) => worst.to_owned(),
        Some((worst, count)) => format!("{worst} x{count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look {
        colour: false,
        emphasis: false,
        unicode: true,
    };

    #[test]
    fn cells_have_their_width_whatever_is_in_them() {
        assert_eq!(left("abc", 5, LOOK), "abc  ");
        assert_eq!(right("abc", 5, LOOK), "  abc");
        assert_eq!(left("abcdef", 4, LOOK), "abc…");
        assert_eq!(path("src/main.rs:7:5", 8, LOOK), "….rs:7:5");
        assert_eq!(left("日本語", 4, LOOK), "日… ");
        assert_eq!(path("日本語", 4, LOOK), "…語 ");
        assert_eq!(left("x", 0, LOOK), "");
    }

    #[test]
    fn a_sparkline_shows_a_small_leak_and_no_noise() {
        assert_eq!(sparkline(&[], 4, LOOK), "    ");
        assert_eq!(sparkline(&[0, 0], 3, LOOK), " ▄▄");
        assert_eq!(sparkline(&[1_000, 1_001, 999], 3, LOOK), "▄▄▄");
        assert_eq!(sparkline(&[0, 4, 8], 3, LOOK), "▁▄█");
        assert_eq!(sparkline(&[9, 9, 0, 8], 2, LOOK), "▁█");
        let ascii = Look {
            unicode: false,
            ..LOOK
        };
        assert_eq!(sparkline(&[0, 8, u64::MAX], 3, ascii), "__@");
    }

    #[test]
    fn the_chosen_row_is_always_in_the_window() {
        assert_eq!(window(3, 10, 2), 0..3);
        assert_eq!(window(100, 10, 0), 0..10);
        assert_eq!(window(100, 10, 50), 45..55);
        assert_eq!(window(100, 10, 99), 90..100);
        assert_eq!(window(0, 10, 0), 0..0);
    }
}
