//! The routes, over a real socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;

use super::*;

#[derive(Clone, Default)]
struct Switch(Arc<AtomicBool>);

impl Probes for Switch {
    fn unhealthy(&self) -> Option<String> {
        None
    }

    fn unready(&self) -> Option<String> {
        (!self.0.load(Ordering::SeqCst)).then(|| "not yet".to_owned())
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_answer_as_documented() {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let switch = Switch::default();
    tokio::spawn(serve(listener, Arc::default(), switch.clone()));
    let asked = tokio::task::spawn_blocking(move || {
        let metrics = get(address, "/metrics");
        assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8"));
        assert!(metrics.contains("\nparkwatch_observer_build_info{version="));
        assert!(metrics.contains("\nprocess_resident_memory_bytes "));
        assert!(get(address, "/findings").ends_with("[]\n"));
        let view = get(address, "/view");
        let (_, body) = view.split_once("\r\n\r\n").expect("a body");
        let report: Report = serde_json::from_str(body).expect("a report");
        assert_eq!(report.version, crate::export::REPORT_VERSION);
        assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 503"));
        switch.0.store(true, Ordering::SeqCst);
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 200"));
        assert!(get(address, "/").contains("/metrics"));
        assert!(get(address, "/nothing").starts_with("HTTP/1.1 404"));
    });
    asked.await.expect("all answers are right");
}

#[tokio::test]
async fn an_address_in_use_is_named_with_advice() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let error = bind(address).await.expect_err("it is in use").to_string();
    assert_eq!(
        error,
        format!("cannot listen on {address}: choose another address with --listen")
    );
}
