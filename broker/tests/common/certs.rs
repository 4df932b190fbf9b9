//! Certificates, made when they are wanted.

use std::path::{Path, PathBuf};

use flymq_broker::{Pem, TlsConfig};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// A certificate authority.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate with its key, both as PEM.
#[derive(Clone)]
pub struct Identity {
    pub cert: String,
    pub key: String,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these names, as `change` wants it.
    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { cert, key: key.serialize_pem() }
    }

    /// A broker's.
    pub fn server(&self) -> Identity {
        self.issue(&["localhost", "127.0.0.1"], |_| {})
    }
}

/// For [`Ca::issue`]: a certificate whose time is over.
pub fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
}

impl Identity {
    /// What a broker with this certificate is set up with.
    pub fn broker(&self) -> TlsConfig {
        let pem = |text: &str| Pem::Memory(text.as_bytes().to_vec());
        TlsConfig::new(pem(&self.cert), pem(&self.key))
    }

    /// Writes both files, each in one step.
    pub fn write(&self, dir: &Path) -> (PathBuf, PathBuf) {
        let files = (dir.join("cert.pem"), dir.join("key.pem"));
        for (path, text) in [(&files.0, &self.cert), (&files.1, &self.key)] {
            let aside = path.with_extension("new");
            std::fs::write(&aside, text).unwrap();
            std::fs::rename(&aside, path).unwrap();
        }
        files
    }
}
