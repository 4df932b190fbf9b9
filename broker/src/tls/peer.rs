//! Who a client's certificate says it is.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// The names in a client's certificate, which a CA of the broker's has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerIdentity {
    /// The whole subject, such as `O=Example, CN=billing`.
    pub subject: String,
    /// The subject's common name, if it has exactly one.
    pub common_name: Option<String>,
    /// The alternative names that are text: `DNS:…`, `email:…`, `URI:…`.
    pub alternative_names: Vec<String>,
}

impl PeerIdentity {
    /// Reads the names. `None` if they cannot be told for certain.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(certificate).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut common_names = certificate.subject().iter_common_name();
        let common_name = match (common_names.next(), common_names.next()) {
            (Some(name), None) => Some(name.as_str().ok()?.to_owned()),
            _ => None,
        };
        let extension = certificate.subject_alternative_name().ok()?;
        let names = extension.iter().flat_map(|extension| &extension.value.general_names);
        let text = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => Some(format!("DNS:{name}")),
            GeneralName::RFC822Name(name) => Some(format!("email:{name}")),
            GeneralName::URI(name) => Some(format!("URI:{name}")),
            _ => None,
        };
        Some(Self {
            subject: certificate.subject().to_string(),
            common_name,
            alternative_names: names.filter_map(text).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn identity(names: &[&str], alternatives: &[&str]) -> PeerIdentity {
        let alternatives: Vec<String> = alternatives.iter().map(|&n| n.to_owned()).collect();
        let mut params = CertificateParams::new(alternatives).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        for &name in names {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.subject_alt_names.push(SanType::URI("spiffe://x/billing".try_into().unwrap()));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        PeerIdentity::of(certificate.der()).unwrap()
    }

    #[test]
    fn names() {
        let found = identity(&["billing"], &["billing.example.org"]);
        assert_eq!(found.subject, "O=Example, CN=billing");
        assert_eq!(found.common_name.as_deref(), Some("billing"));
        let expected = ["DNS:billing.example.org", "URI:spiffe://x/billing"];
        assert_eq!(found.alternative_names, expected);
        assert_eq!(identity(&[], &[]).common_name, None);
        assert_eq!(PeerIdentity::of(&CertificateDer::from(vec![0x30, 0])), None);
    }
}
