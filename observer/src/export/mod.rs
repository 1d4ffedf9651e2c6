//! What the outside sees: `/metrics`, `/findings`, `/view`, `/healthz`, `/readyz`.
//!
//! The pipeline builds an immutable [`View`] per step and publishes it; a scrape renders the
//! last one. So a scrape never reads a kernel map, never waits for the pipeline, and cannot see
//! a series of a process that is gone from the model.

mod catalogue;
mod finding_dumps;
mod finding_files;
mod findings;
mod http;
mod metrics;
mod on_finding;
mod pod;
mod published;
mod render;
mod report;
mod select;
mod table;
mod time;
mod view;

pub use catalogue::{CATALOGUE, Kind, Metric, Scope};
pub use findings::{FindingReport, findings_json};
pub use http::{Probes, bind, serve};
pub use on_finding::OnFinding;
pub use published::Published;
pub use render::render;
pub use report::{
    CountsReport, MonitorReport, ObserverReport, OtherReport, ProcessReport, REPORT_VERSION,
    Report, SiteReport, StalledReport,
};
pub use select::{Limits, Selection};
pub use table::table;
pub use time::{rfc3339, unix_ms};
pub use view::{AttachTimes, ObserverView, View};
