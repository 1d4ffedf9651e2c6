//! The keys and their values, in shards, so that connections seldom meet at a lock.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shards; a power of two.
const SHARDS: usize = 64;

type Shard = HashMap<Vec<u8>, Vec<u8>>;

/// All keys. Its locks are `std`'s: nobody parks while one is held.
pub struct Store {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

impl Store {
    /// No keys.
    pub fn new() -> Self {
        Self {
            shards: [(); SHARDS].map(|()| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.shard(key).get(key).cloned()
    }

    pub fn set(&self, key: Vec<u8>, value: Vec<u8>) {
        self.shard(&key).insert(key, value);
    }

    /// Whether it was there.
    pub fn remove(&self, key: &[u8]) -> bool {
        self.shard(key).remove(key).is_some()
    }

    /// Adds one to a number; `None` if the value is none.
    pub fn increment(&self, key: Vec<u8>) -> Option<i64> {
        let mut shard = self.shard(&key);
        let value = shard.entry(key).or_insert_with(|| b"0".to_vec());
        let number: i64 = std::str::from_utf8(value).ok()?.parse().ok()?;
        let next = number.checked_add(1)?;
        *value = next.to_string().into_bytes();
        Some(next)
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
