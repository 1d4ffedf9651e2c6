//! Where bytes come from: memory, or an open file of which only parts are read.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Something with bytes at offsets.
pub(super) trait Source {
    /// How many bytes there are.
    fn size(&self) -> io::Result<u64>;

    /// The bytes from an offset on; fewer than asked for at the end.
    fn read(&self, offset: u64, bytes: usize) -> io::Result<Cow<'_, [u8]>>;
}

impl Source for [u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read(&self, offset: u64, bytes: usize) -> io::Result<Cow<'_, [u8]>> {
        let start = usize::try_from(offset).map_or(self.len(), |start| start.min(self.len()));
        let end = start.saturating_add(bytes).min(self.len());
        Ok(Cow::Borrowed(&self[start..end]))
    }
}

impl Source for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, bytes: usize) -> io::Result<Cow<'_, [u8]>> {
        let left = self.size()?.saturating_sub(offset);
        let mut buffer = vec![0; usize::try_from(left).map_or(bytes, |left| left.min(bytes))];
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(filled);
        Ok(Cow::Owned(buffer))
    }
}
