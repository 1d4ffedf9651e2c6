//! The last view, from the pipeline to the scrapes.

use std::sync::{Arc, PoisonError, RwLock};

use super::View;

/// The last view. Publishing replaces a pointer; nobody waits for longer than that.
#[derive(Debug, Default)]
pub struct Published {
    view: RwLock<Arc<View>>,
}

impl Published {
    /// Replaces the view.
    pub fn publish(&self, view: View) {
        let view = Arc::new(view);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    /// The last view; an empty one at the start.
    #[must_use]
    pub fn last(&self) -> Arc<View> {
        self.view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
