//! Names of pods over TLS: the server is trusted if the cluster's authority has signed for it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use kube::Config;
use observer::kubernetes::{Access, PodNames};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::authority::Authority;
use super::stub::Stub;
use super::{NODE, eventually, name_of, pod};

/// What the service account shows to the server.
const TOKEN: &str = "token-of-the-test";

/// A client of an encrypted server that trusts an authority, with a service account's token.
fn watched(stub: &Stub, trusted: &Authority) -> PodNames {
    let url = format!("https://{}", stub.address());
    let mut config = Config::new(url.parse().expect("an address"));
    let authority = CertificateDer::from_pem_slice(trusted.pem().as_bytes()).expect("PEM");
    config.root_cert = Some(vec![authority.to_vec()]);
    config.auth_info.token = Some(TOKEN.to_owned().into());
    PodNames::watched(Access::new(config, NODE).expect("a client"))
}

#[tokio::test]
async fn pods_are_listed_and_followed_over_an_encrypted_connection() {
    let authority = Authority::new();
    let stub = Stub::start_encrypted(authority.server());
    stub.set_pods(&[pod("u1", "orders-1", 10)], 10);
    let names = watched(&stub, &authority);
    eventually("the list", || name_of(&names, "u1").is_some()).await;
    stub.tell("ADDED", &pod("u2", "carts-1", 11)).await;
    eventually("a new pod", || name_of(&names, "u2").is_some()).await;
    let expected = vec![format!("Bearer {TOKEN}"); stub.requests().len()];
    assert_eq!(stub.authorizations(), expected);
}

#[tokio::test]
async fn a_server_of_another_authority_is_told_nothing_and_named_in_one_line() {
    let stub = Stub::start_encrypted(Authority::new().server());
    stub.set_pods(&[pod("u1", "orders-1", 10)], 10);
    let log = Log::default();
    let _guard = log.start();
    let names = watched(&stub, &Authority::new());
    // It tries again and again, and says so once.
    eventually("a third try", || stub.connections() >= 3).await;
    assert!(names.is_empty());
    assert!(stub.requests().is_empty(), "{:?}", stub.requests());
    let text = log.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("names of pods may be old"), "{text}");
    assert!(text.contains("invalid peer certificate"), "{text}");
}

/// What the observer's own code logs in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("observer=info")
            .with_ansi(false)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("log").clone()).expect("text")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
