//! The observer.
