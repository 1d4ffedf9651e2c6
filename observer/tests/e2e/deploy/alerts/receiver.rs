//! Who is told: the webhook of an Alertmanager.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::Deserialize;

/// What has not come after this long never will: a leak is told after three minutes, and one
/// missed scrape begins its last minute anew.
const HANG_GUARD: Duration = Duration::from_secs(600);

/// One alert, as a webhook is told of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Alert {
    status: String,
    fingerprint: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Message {
    alerts: Vec<Alert>,
}

/// By fingerprint, what was last told of each alert.
pub type Alerts = BTreeMap<String, Alert>;

/// A running receiver.
pub struct Receiver {
    address: SocketAddr,
    messages: mpsc::Receiver<String>,
    alerts: Alerts,
    start: Instant,
    _runtime: tokio::runtime::Runtime,
}

impl Alert {
    pub fn is_firing(&self) -> bool {
        self.status == "firing"
    }

    pub fn names_pod(&self, pod: &str) -> bool {
        self.labels.get("pod").is_some_and(|named| named == pod)
    }
}

impl Receiver {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let bind = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = runtime.block_on(bind).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, messages) = mpsc::channel();
        let take = |State(sender): State<mpsc::Sender<String>>, body: String| async move {
            // The test may be over.
            let _ = sender.send(body);
        };
        let routes = Router::new().route("/", post(take)).with_state(sender);
        runtime.spawn(axum::serve(listener, routes).into_future());
        Self {
            address,
            messages,
            alerts: Alerts::new(),
            start: Instant::now(),
            _runtime: runtime,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What was last told of each alert, of those that were waited for.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Takes messages until this holds.
    ///
    /// # Panics
    ///
    /// If it does not hold after the hang guard.
    pub fn wait(&mut self, what: &str, holds: impl Fn(&Alerts) -> Result<(), String>) {
        let begin = Instant::now();
        while let Err(reason) = holds(&self.alerts) {
            let left = HANG_GUARD.saturating_sub(begin.elapsed());
            match self.messages.recv_timeout(left) {
                Ok(message) => self.take(&message),
                Err(_) => panic!("never came: {what}: {reason}; told: {:#?}", self.alerts),
            }
        }
    }

    fn take(&mut self, message: &str) {
        let message: Message = serde_json::from_str(message).expect("what a webhook is told");
        for alert in message.alerts {
            let (status, labels) = (&alert.status, &alert.labels);
            println!("after {:.0?}: {status} {labels:?}", self.start.elapsed());
            self.alerts.insert(alert.fingerprint.clone(), alert);
        }
    }
}
