//! What the terminal can show: colours, and characters beyond ASCII. Words, signs and places carry
//! the meaning; colours only repeat it.

use ratatui::style::{Color, Modifier, Style};

/// What may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours.
    pub colour: bool,
    /// Bold, dim and reversed text.
    pub emphasis: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
}

impl Look {
    /// What the environment allows: no colour with `NO_COLOR` or on a dumb terminal, ASCII where
    /// the locale is not UTF-8.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_dumb = set("TERM").is_none_or(|term| term == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let is_utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        Self {
            colour: !is_dumb && set("NO_COLOR").is_none(),
            emphasis: !is_dumb,
            unicode: is_utf8 && !is_dumb,
        }
    }

    pub(super) fn strong(self) -> Style {
        self.with(Modifier::BOLD)
    }

    pub(super) fn faint(self) -> Style {
        self.with(Modifier::DIM)
    }

    /// The chosen row; it has a sign too.
    pub(super) fn chosen(self) -> Style {
        self.with(Modifier::REVERSED)
    }

    /// Headers of tables and the like.
    pub(super) fn header(self) -> Style {
        self.coloured(Color::Cyan).patch(self.strong())
    }

    pub(super) fn bad(self) -> Style {
        self.coloured(Color::Red).patch(self.strong())
    }

    pub(super) fn warning(self) -> Style {
        self.coloured(Color::Yellow)
    }

    pub(super) fn graph(self) -> Style {
        self.coloured(Color::Green)
    }

    /// p0 and p1 alert as critical, p2 as a warning.
    pub(super) fn severity(self, severity: &str) -> Style {
        match severity {
            "p0" | "p1" => self.bad(),
            _ => self.warning(),
        }
    }

    /// The heights of a sparkline, lowest first.
    pub(super) fn bars(self) -> &'static [char] {
        if self.unicode {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &['_', '.', '-', '=', '+', '*', '#', '@']
        }
    }

    /// What stands for text that was cut.
    pub(super) fn ellipsis(self) -> char {
        if self.unicode { '…' } else { '~' }
    }

    /// The line under a header.
    pub(super) fn rule(self) -> &'static str {
        if self.unicode { "─" } else { "-" }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    fn with(self, modifier: Modifier) -> Style {
        if self.emphasis {
            Style::new().add_modifier(modifier)
        } else {
            Style::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(variables: &[(&str, &str)]) -> (bool, bool, bool) {
        let look = Look::of_environment(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        (look.colour, look.emphasis, look.unicode)
    }

    #[test]
    fn the_environment_says_what_may_be_used() {
        let utf8 = ("LANG", "C.UTF-8");
        assert_eq!(look(&[("TERM", "xterm"), utf8]), (true, true, true));
        assert_eq!(
            look(&[("TERM", "xterm"), utf8, ("NO_COLOR", "1")]),
            (false, true, true)
        );
        assert_eq!(
            look(&[("TERM", "xterm"), utf8, ("NO_COLOR", "")]),
            (true, true, true)
        );
        assert_eq!(look(&[("TERM", "dumb"), utf8]), (false, false, false));
        assert_eq!(look(&[utf8]), (false, false, false));
        assert_eq!(look(&[("TERM", "xterm")]), (true, true, false));
        assert_eq!(
            look(&[("TERM", "xterm"), utf8, ("LC_ALL", "C")]),
            (true, true, false)
        );
    }
}
