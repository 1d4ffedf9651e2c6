//! Maps as lists of typed entries.

use super::CollectError;
use crate::attach::Maps;
use crate::sys::map::{Cursor, Map};
use crate::sys::plain::{bytes_of, from_bytes};
use observer_ebpf_abi::Plain;
use std::io;

/// Entries asked for at once; a map's bucket rarely has more than a few.
const BATCH: usize = 2_048;

/// One map of the set, with its name for errors.
pub(super) struct Reader<'a> {
    name: &'static str,
    map: &'a Map,
}

impl<'a> Reader<'a> {
    pub(super) fn new(maps: &'a Maps, name: &'static str) -> Self {
        Self {
            name,
            map: maps.get(name),
        }
    }

    /// All entries of a map with one value each.
    pub(super) fn entries<K: Plain, V: Plain>(&self) -> Result<Vec<(K, V)>, CollectError> {
        self.fold(|values| from_bytes(values))
    }

    /// All entries of a per-processor map, each folded into one value.
    pub(super) fn sums<K: Plain, V: Plain>(
        &self,
        add: impl Fn(V, V) -> V,
    ) -> Result<Vec<(K, V)>, CollectError> {
        self.fold(|values| self.sum(values, &add))
    }

    /// The elements of a per-processor array, each folded into one value.
    pub(super) fn elements<V: Plain>(
        &self,
        add: impl Fn(V, V) -> V,
    ) -> Result<Vec<V>, CollectError> {
        let mut values = vec![0; self.map.entry_bytes()];
        (0..self.map.capacity())
            .map(|index| {
                self.lookup_bytes(&index.to_ne_bytes(), &mut values)?;
                Ok(self.sum(&values, &add))
            })
            .collect()
    }

    /// One entry, if it is there.
    pub(super) fn get<K: Plain, V: Plain>(&self, key: &K) -> Result<Option<V>, CollectError> {
        let mut value = vec![0; self.map.entry_bytes()];
        let found = self.lookup_bytes(bytes_of(key), &mut value)?;
        Ok(found.then(|| from_bytes(&value)))
    }

    /// The keys of all entries.
    pub(super) fn keys<K: Plain>(&self) -> Result<Vec<K>, CollectError> {
        Ok(self
            .fold(|_| ())?
            .into_iter()
            .map(|(key, ())| key)
            .collect())
    }

    /// Deletes the entries whose key the test accepts; returns how many.
    pub(super) fn delete<K: Plain>(
        &self,
        is_wanted: impl Fn(&K) -> bool,
    ) -> Result<usize, CollectError> {
        let mut deleted = 0;
        for key in self.keys()?.iter().filter(|key| is_wanted(key)) {
            let answer = self.map.delete(bytes_of(key));
            deleted += usize::from(answer.map_err(|source| self.failed(source))?);
        }
        Ok(deleted)
    }

    fn sum<V: Plain>(&self, values: &[u8], add: &impl Fn(V, V) -> V) -> V {
        let values = values.chunks_exact(self.map.stride());
        let values = values.map(|value| from_bytes(&value[..self.map.value_bytes()]));
        values.reduce(add).expect("there is at least one processor")
    }

    /// Reads everything by batches, or key by key where the kernel has none.
    fn fold<K: Plain, V>(&self, value: impl Fn(&[u8]) -> V) -> Result<Vec<(K, V)>, CollectError> {
        let mut entries = Vec::new();
        let mut keep = |key: &[u8], values: &[u8]| entries.push((from_bytes(key), value(values)));
        match self.read_batches(&mut keep) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                entries.clear();
                let mut keep =
                    |key: &[u8], values: &[u8]| entries.push((from_bytes(key), value(values)));
                self.read_keys(&mut keep)
                    .map_err(|source| self.failed(source))?;
            }
            Err(source) => return Err(self.failed(source)),
        }
        Ok(entries)
    }

    fn read_batches(&self, keep: &mut impl FnMut(&[u8], &[u8])) -> io::Result<()> {
        let mut room = BATCH.min(self.map.capacity() as usize);
        let mut keys = vec![0; room * self.map.key_bytes()];
        let mut values = vec![0; room * self.map.entry_bytes()];
        let mut cursor = Cursor::default();
        loop {
            let batch = match self.map.lookup_batch(&mut cursor, &mut keys, &mut values) {
                Ok(batch) => batch,
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    room *= 2;
                    keys.resize(room * self.map.key_bytes(), 0);
                    values.resize(room * self.map.entry_bytes(), 0);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let keys = keys.chunks_exact(self.map.key_bytes());
            let values = values.chunks_exact(self.map.entry_bytes());
            keys.zip(values)
                .take(batch.count)
                .for_each(|(key, values)| keep(key, values));
            if batch.is_last {
                return Ok(());
            }
        }
    }

    /// Bounded by the map's capacity: entries that come and go could keep it busy for ever.
    fn read_keys(&self, keep: &mut impl FnMut(&[u8], &[u8])) -> io::Result<()> {
        let mut key = vec![0; self.map.key_bytes()];
        let mut values = vec![0; self.map.entry_bytes()];
        let mut previous: Option<Vec<u8>> = None;
        for _ in 0..self.map.capacity() {
            if !self.map.next_key(previous.as_deref(), &mut key)? {
                break;
            }
            if self.map.lookup(&key, &mut values)? {
                keep(&key, &values);
            }
            previous = Some(key.clone());
        }
        Ok(())
    }

    fn lookup_bytes(&self, key: &[u8], values: &mut [u8]) -> Result<bool, CollectError> {
        self.map
            .lookup(key, values)
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> CollectError {
        CollectError {
            map: self.name,
            source,
        }
    }
}
