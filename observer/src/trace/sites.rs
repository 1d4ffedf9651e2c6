//! Names of sites by address, and which of them are wanted.

use std::collections::HashMap;
use std::sync::Arc;

use crate::collect::Text;
use crate::model::label_of;

/// Sites of one process that are remembered; beyond, all are forgotten and read again.
const MAX_SITES: usize = 65_536;

/// Which sites are wanted: those whose label or static name contains the text.
#[derive(Clone, Debug, Default)]
pub struct SiteFilter(Option<String>);

impl SiteFilter {
    /// Wants the sites whose label (`file:line:column`) or static name contains the text; all
    /// without one.
    #[must_use]
    pub fn new(text: Option<String>) -> Self {
        Self(text)
    }

    fn wants(&self, label: &str, name: Option<&str>) -> bool {
        self.0
            .as_deref()
            .is_none_or(|text| label.contains(text) || name.is_some_and(|name| name.contains(text)))
    }
}

/// The sites that were met.
#[derive(Debug)]
pub(super) struct Sites {
    filter: SiteFilter,
    known: HashMap<u64, Site>,
}

/// A site that was met.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) label: Arc<str>,
    pub(super) is_wanted: bool,
}

impl Sites {
    pub(super) fn new(filter: SiteFilter) -> Self {
        Self {
            filter,
            known: HashMap::new(),
        }
    }

    /// The site at this address, and whether it is met for the first time; `read` reads its
    /// record. One that cannot be read is called by its address.
    pub(super) fn meet(
        &mut self,
        address: u64,
        read: impl FnOnce(u64) -> Option<Text>,
    ) -> (Site, bool) {
        if let Some(site) = self.known.get(&address) {
            return (site.clone(), false);
        }
        if self.known.len() >= MAX_SITES {
            self.known.clear();
        }
        let text = read(address);
        let name = text.as_ref().and_then(|text| text.name.as_deref());
        let label = text
            .as_ref()
            .map_or_else(|| format!("{address:#x}"), label_of);
        let site = Site {
            is_wanted: self.filter.wants(&label, name),
            label: label.into(),
        };
        self.known.insert(address, site.clone());
        (site, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures::text;

    fn sites(filter: &str) -> Sites {
        Sites::new(SiteFilter::new(Some(filter.to_owned())))
    }

    #[test]
    fn a_site_is_wanted_by_a_part_of_its_label_or_name() {
        let named = || {
            Some(Text {
                name: Some("acceptor".to_owned()),
                ..text("/root/shop/src/main.rs", 7)
            })
        };
        for (filter, is_wanted) in [
            ("main.rs:7:5", true),
            ("shop/src", true),
            ("accept", true),
            ("main.rs:8", false),
            ("/root", false),
        ] {
            let (site, is_new) = sites(filter).meet(4_096, |_| named());
            assert_eq!((site.is_wanted, is_new), (is_wanted, true), "{filter}");
            assert_eq!(&*site.label, "shop/src/main.rs:7:5");
        }
    }

    #[test]
    fn a_site_is_read_once_and_called_by_its_address_if_it_cannot_be() {
        let mut sites = Sites::new(SiteFilter::default());
        let (site, _) = sites.meet(4_096, |_| None);
        assert_eq!((&*site.label, site.is_wanted), ("0x1000", true));
        let (_, is_new) = sites.meet(4_096, |_| panic!("read again"));
        assert!(!is_new);
    }
}
