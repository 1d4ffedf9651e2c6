//! Where views come from: a daemon's `/view`, or the pipeline in this process.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Input;
use crate::config::Settings;
use crate::export::{Published, Report};
use crate::pipeline;

/// How often a view is asked for; the pipeline makes one every 250 ms.
const EVERY: Duration = Duration::from_millis(500);
/// How often the first view is looked for.
const FIRST_VIEW: Duration = Duration::from_millis(20);
/// How long a daemon may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of a view: 10,000 series are some megabytes.
const MAX_BYTES: u64 = 64 << 20;

/// The address of a daemon: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    authority: String,
}

/// A text that is no address of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: write for example http://127.0.0.1:9464; a daemon speaks no https")]
pub struct NotAnAddress;

/// Why a daemon gave no view.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Nobody answers.
    #[error("{0}")]
    Http(#[from] ureq::Error),
    /// The answer is no view.
    #[error("the answer is no view: is it an observer, and not an older one?")]
    NotAView(#[from] serde_json::Error),
}

impl Endpoint {
    /// Its view.
    ///
    /// # Errors
    ///
    /// Nobody answers, or not with a view.
    pub fn view(&self) -> Result<Report, SourceError> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .into();
        let mut answer = agent.get(format!("{self}/view")).call()?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_BYTES)
            .read_to_vec()?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Its processes are on this machine, as far as the address says.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let address: Result<IpAddr, _> = self.host.trim_matches(['[', ']']).parse();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Endpoint {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let authority = text.strip_prefix("http://").unwrap_or(text);
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        let is_host = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
        if !is_host || port.parse::<u16>().is_err() {
            return Err(NotAnAddress);
        }
        Ok(Self {
            host: host.to_owned(),
            authority: authority.to_owned(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.authority)
    }
}

/// Who makes the views.
pub enum Source {
    /// A daemon.
    Daemon(Endpoint),
    /// The pipeline in this process.
    Own(Box<OwnPipeline>),
}

/// A pipeline that runs until this is dropped.
pub struct OwnPipeline {
    published: Arc<Published>,
    /// Why it ended by itself.
    failure: Arc<OnceLock<String>>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
    runtime: Runtime,
}

impl OwnPipeline {
    /// Begins to observe; returns when the first view is there.
    ///
    /// # Errors
    ///
    /// Why this process cannot observe.
    pub fn begin(settings: Settings) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("observer")
            .enable_all()
            .build()
            .context("cannot start the observer's threads")?;
        let (published, failure): (Arc<Published>, Arc<OnceLock<String>>) = Default::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let nothing = published.last();
        let task = runtime.spawn(watch(settings, published.clone(), failure.clone(), stopped));
        let own = Self {
            published,
            failure,
            stop: Some(stop),
            task: Some(task),
            runtime,
        };
        while Arc::ptr_eq(&nothing, &own.published.last()) {
            if let Some(failure) = own.failure.get() {
                bail!("{failure}");
            }
            thread::sleep(FIRST_VIEW);
        }
        Ok(own)
    }
}

async fn watch(
    settings: Settings,
    published: Arc<Published>,
    failure: Arc<OnceLock<String>>,
    stopped: oneshot::Receiver<()>,
) {
    let stop = async {
        // An error is the other end's drop.
        let _ = stopped.await;
    };
    if let Err(error) = pipeline::observe(settings, published, stop).await {
        let _ = failure.set(format!("{error:#}"));
    }
}

impl Drop for OwnPipeline {
    /// Waits until the probes are disarmed.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            let _ = self.runtime.block_on(task);
        }
    }
}

impl Source {
    /// What the header says of it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Daemon(endpoint) => endpoint.to_string(),
            Self::Own(_) => "this process observes".to_owned(),
        }
    }

    /// Sends views until nobody receives them, on a thread of its own.
    pub fn follow(&self, inputs: Sender<Input>) {
        match self {
            Self::Daemon(endpoint) => {
                let endpoint = endpoint.clone();
                thread::spawn(move || follow_daemon(&endpoint, &inputs));
            }
            Self::Own(own) => {
                let (published, failure) = (own.published.clone(), own.failure.clone());
                thread::spawn(move || follow_own(&published, &failure, &inputs));
            }
        }
    }
}

fn follow_daemon(endpoint: &Endpoint, inputs: &Sender<Input>) {
    loop {
        let input = match endpoint.view() {
            Ok(report) => Input::Report(Box::new(report)),
            Err(error) => Input::Silent(error.to_string()),
        };
        if inputs.send(input).is_err() {
            return;
        }
        thread::sleep(EVERY);
    }
}

fn follow_own(published: &Published, failure: &OnceLock<String>, inputs: &Sender<Input>) {
    let mut last = None;
    loop {
        if let Some(failure) = failure.get() {
            let _ = inputs.send(Input::Failed(failure.clone()));
            return;
        }
        let view = published.last();
        let is_new = last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &view));
        if is_new {
            let report = Box::new(Report::of(&view));
            if inputs.send(Input::Report(report)).is_err() {
                return;
            }
        }
        last = Some(view);
        thread::sleep(EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (text, shown, is_local) in [
            ("http://127.0.0.1:9464", "http://127.0.0.1:9464", true),
            ("http://localhost:1/", "http://localhost:1", true),
            ("[::1]:9464", "http://[::1]:9464", true),
            ("node-7.example:9464", "http://node-7.example:9464", false),
        ] {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!(
                (endpoint.to_string(), endpoint.is_local()),
                (shown.to_owned(), is_local)
            );
        }
        for text in [
            "",
            "https://x:1",
            "http://",
            "x:port",
            "x:1/metrics",
            "a b:1",
            ":9464",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(NotAnAddress), "{text:?}");
        }
    }
}
