//! The HTTP routes.

use std::io::ErrorKind::AddrInUse;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::{Published, Report, findings_json, render};

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const BIND_PATIENCE: Duration = Duration::from_secs(2);
const BIND_RETRY: Duration = Duration::from_millis(20);
const INDEX: &str = "<!doctype html><title>Parkwatch observer</title><h1>Parkwatch observer</h1>\
<ul><li><a href=\"/metrics\">/metrics</a>: for Prometheus\
<li><a href=\"/findings\">/findings</a>: what is wrong now, as JSON\
<li><a href=\"/view\">/view</a>: everything, as JSON, for <code>observer top</code>\
<li><a href=\"/healthz\">/healthz</a>, <a href=\"/readyz\">/readyz</a></ul>\n";

/// Whether the observer works; asked by `/healthz` and `/readyz`.
pub trait Probes: Send + Sync + 'static {
    /// What is wrong, if anything is.
    fn unhealthy(&self) -> Option<String>;
    /// What is still missing, if anything is.
    fn unready(&self) -> Option<String>;
}

struct Shared<P> {
    published: Arc<Published>,
    probes: P,
    /// Seconds that the last rendering took, as the bits of an `f64`.
    scrape_seconds: AtomicU64,
}

/// Binds the address. One that is in use is tried again for a short time: an observer that was
/// killed holds its socket until the kernel has detached its probes.
///
/// # Errors
///
/// One line that names the address, and what to do.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let began = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == AddrInUse && began.elapsed() < BIND_PATIENCE => {
                tokio::time::sleep(BIND_RETRY).await;
            }
            result => {
                return result.with_context(|| {
                    format!("cannot listen on {address}: choose another address with --listen")
                });
            }
        }
    }
}

/// Serves until the task is dropped.
///
/// # Errors
///
/// When the listener fails for good.
pub async fn serve<P: Probes>(
    listener: TcpListener,
    published: Arc<Published>,
    probes: P,
) -> std::io::Result<()> {
    let shared = Shared {
        published,
        probes,
        scrape_seconds: AtomicU64::new(0),
    };
    axum::serve(listener, router(Arc::new(shared))).await
}

fn router<P: Probes>(shared: Arc<Shared<P>>) -> Router {
    Router::new()
        .route(
            "/",
            get(|| async { ([(header::CONTENT_TYPE, "text/html")], INDEX) }),
        )
        .route("/metrics", get(metrics::<P>))
        .route("/findings", get(findings::<P>))
        .route("/view", get(view::<P>))
        .route("/healthz", get(healthz::<P>))
        .route("/readyz", get(readyz::<P>))
        .with_state(shared)
}

async fn metrics<P: Probes>(State(shared): State<Arc<Shared<P>>>) -> Response {
    let began = Instant::now();
    // Relaxed: a number for people, nothing is published with it.
    let previous = f64::from_bits(shared.scrape_seconds.load(Ordering::Relaxed));
    let text = render(&shared.published.last(), previous);
    let seconds = began.elapsed().as_secs_f64();
    shared
        .scrape_seconds
        .store(seconds.to_bits(), Ordering::Relaxed);
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

async fn findings<P: Probes>(State(shared): State<Arc<Shared<P>>>) -> Response {
    let body = format!("{:#}\n", findings_json(&shared.published.last()));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn view<P: Probes>(State(shared): State<Arc<Shared<P>>>) -> Response {
    axum::Json(Report::of(&shared.published.last())).into_response()
}

async fn healthz<P: Probes>(State(shared): State<Arc<Shared<P>>>) -> Response {
    answer(shared.probes.unhealthy())
}

async fn readyz<P: Probes>(State(shared): State<Arc<Shared<P>>>) -> Response {
    answer(shared.probes.unready())
}

fn answer(problem: Option<String>) -> Response {
    match problem {
        None => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem + "\n").into_response(),
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
