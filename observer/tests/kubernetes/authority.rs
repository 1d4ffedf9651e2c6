//! An authority that signs certificates, made anew for each test.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

/// A certificate authority, as that of a cluster.
pub struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            certificate: parameters.self_signed(&key).expect("signed"),
            issuer: Issuer::new(parameters, key),
        }
    }

    /// Its certificate, as in the file `ca.crt` of a service account.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The settings of a server on this machine, with a certificate signed by the authority.
    pub fn server(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = vec![SanType::IpAddress(IpAddr::from([127, 0, 0, 1]))];
        let certificate = parameters.signed_by(&key, &self.issuer).expect("signed");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("its own versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private.into());
        Arc::new(config.expect("a certificate with its key"))
    }
}
