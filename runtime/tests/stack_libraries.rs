//! Libraries that know nothing of tasks, on stacks that grow while they run: each at many
//! distances from the window's edge, with the limit that tasks have if nobody says otherwise.

mod net;
mod stacks;

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use regex::Regex;
use runtime::{Builder, spawn};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use stacks::{assert_success, descend, growths, in_child, on_stacks_of_their_own};

/// Distances from the first frame at which a library is called, and from one to the next.
const DISTANCES: usize = 64;
const STEP_BYTES: usize = 320;

/// Runs `library` in many tasks of a new process, at each of the distances.
fn at_every_distance(test: &str, library: fn()) {
    let output = in_child(test, move || {
        Builder::new().workers(2).run(move || {
            on_stacks_of_their_own(DISTANCES, move |number| {
                descend(number * STEP_BYTES, &mut || library());
            });
            assert!(growths() > 0, "nothing has grown: the library is too small");
        });
    });
    assert_success(&output);
}

/// As deep as the parser allows.
fn parse_deep_json() {
    let levels = 127;
    let text = format!("{}7{}", "[".repeat(levels), "]".repeat(levels));
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value.to_string(), text);
    for _ in 0..levels {
        value = value[0].take();
    }
    assert_eq!(value, 7);
}

#[test]
fn deep_json_is_parsed_and_printed() {
    at_every_distance("deep_json_is_parsed_and_printed", parse_deep_json);
}

/// Near the nesting that the compiler of expressions allows, with large classes of characters.
fn compile_and_match() {
    let levels = 100;
    let nested = format!(r"{}\p{{L}}+{}", "(?:a|".repeat(levels), ")".repeat(levels));
    let expression = format!(r"^(\d{{4}})-(?<month>\d\d) {nested}$");
    let expression = Regex::new(&expression).unwrap();
    let found = expression.captures("2026-11 Überlauf").unwrap();
    assert_eq!(&found["month"], "11");
    assert!(!expression.is_match("2026-11 7"));
}

#[test]
fn a_nested_regular_expression_is_compiled_and_matched() {
    let test = "a_nested_regular_expression_is_compiled_and_matched";
    at_every_distance(test, compile_and_match);
}

/// Both ends of TLS on this machine, with a certificate that was made for it.
fn tls() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap().der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private.into())
        .unwrap();
    (Arc::new(server), Arc::new(client))
}

/// More than the sockets' buffers hold: both ends wait in the middle of it.
const MESSAGE_BYTES: usize = 1 << 20;

fn echo_over_tls(server: Arc<ServerConfig>, client: Arc<ClientConfig>, distance: usize) {
    let (near, far) = net::pair();
    let echo = spawn(move || {
        descend(distance, &mut || {
            let connection = ServerConnection::new(Arc::clone(&server)).unwrap();
            let mut stream = StreamOwned::new(connection, &far);
            let mut message = vec![0; MESSAGE_BYTES];
            stream.read_exact(&mut message).unwrap();
            stream.write_all(&message).unwrap();
            stream.flush().unwrap();
        });
    });
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(client, name).unwrap();
    let mut stream = StreamOwned::new(connection, near);
    let message: Vec<_> = (0..MESSAGE_BYTES).map(|place| place as u8).collect();
    stream.write_all(&message).unwrap();
    stream.flush().unwrap();
    let mut answer = vec![0; MESSAGE_BYTES];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer == message);
    echo.join().unwrap();
}

#[test]
fn tls_shakes_hands_and_echoes_between_two_tasks() {
    let test = "tls_shakes_hands_and_echoes_between_two_tasks";
    let output = in_child(test, || {
        let (server, client) = tls();
        Builder::new().workers(2).run(|| {
            on_stacks_of_their_own(16, move |number| {
                let (server, client) = (Arc::clone(&server), Arc::clone(&client));
                let distance = number * 4 * STEP_BYTES;
                let mut ends = Some((server, client));
                descend(distance, &mut || {
                    let (server, client) = ends.take().unwrap();
                    echo_over_tls(server, client, distance);
                });
            });
            assert!(growths() > 0, "nothing has grown");
        });
    });
    assert_success(&output);
}
