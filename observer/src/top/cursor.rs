//! Which row is chosen: by what it is, not by where it stands, for rows move.

/// The chosen row of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    key: Option<String>,
    index: usize,
}

impl Cursor {
    /// Where the row stands.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// What the row is, if the list has any.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Takes a new list: the row is followed; where it is gone, the one in its place is chosen.
    pub(super) fn settle(&mut self, keys: &[String]) {
        let place = self
            .key
            .as_ref()
            .and_then(|key| keys.iter().position(|known| known == key));
        self.choose(place.unwrap_or(self.index), keys);
    }

    /// Moves by so many rows, at most to an end.
    pub(super) fn step(&mut self, rows: isize, keys: &[String]) {
        self.choose(self.index.saturating_add_signed(rows), keys);
    }

    fn choose(&mut self, index: usize, keys: &[String]) {
        self.index = index.min(keys.len().saturating_sub(1));
        self.key = keys.get(self.index).cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn the_row_is_followed_when_others_come_and_go() {
        let mut cursor = Cursor::default();
        cursor.settle(&keys("abc"));
        cursor.step(1, &keys("abc"));
        assert_eq!((cursor.key(), cursor.index()), (Some("b"), 1));
        cursor.settle(&keys("xyabc"));
        assert_eq!((cursor.key(), cursor.index()), (Some("b"), 3));
        cursor.settle(&keys("xyac"));
        assert_eq!((cursor.key(), cursor.index()), (Some("c"), 3));
        cursor.settle(&keys("x"));
        assert_eq!((cursor.key(), cursor.index()), (Some("x"), 0));
        cursor.settle(&[]);
        assert_eq!(cursor.key(), None);
    }

    #[test]
    fn no_step_leaves_the_list() {
        let mut cursor = Cursor::default();
        for (rows, expected) in [(isize::MIN, "a"), (1, "b"), (isize::MAX, "c"), (-1, "b")] {
            cursor.step(rows, &keys("abc"));
            assert_eq!(cursor.key(), Some(expected));
        }
        cursor.step(1, &[]);
        assert_eq!(cursor.key(), None);
    }
}
