//! What is wrong with a chain of certificates, in sentences for the operator: what browsers, and TURN over TLS with them, refuse without saying why.
//! Told the time; refuses to know files and settings.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use crate::limits;
use crate::time::Timestamp;

/// One sentence for each fault. `host`: the name or address under which citizens come, where it is known.
pub fn faults(chain: &[CertificateDer<'_>], host: Option<&str>, now: Timestamp) -> Vec<String> {
    let parsed: Vec<X509Certificate<'_>> =
        chain.iter().filter_map(|der| X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed)).collect();
    let Some(leaf) = parsed.first() else { return vec![String::from("no certificate")] };
    let mut faults: Vec<String> = parsed.iter().filter_map(|certificate| validity_fault(certificate, now)).collect();
    faults.extend(host.and_then(|host| name_fault(leaf, host)));
    faults.extend(chain_fault(&parsed));
    faults
}

fn validity_fault(certificate: &X509Certificate<'_>, now: Timestamp) -> Option<String> {
    let at = |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
    let (from, until) = (at(certificate.validity().not_before), at(certificate.validity().not_after));
    let whose = name(certificate.subject());
    if now > until {
        Some(format!("{whose} expired at {}: browsers refuse the page, and media by TLS fails; renew it", until.rfc3339()))
    } else if now < from {
        Some(format!("{whose} is valid only from {} on: is this machine's clock right?", from.rfc3339()))
    } else if now.after(limits::CERTIFICATE_WARNING) > until {
        Some(format!("{whose} expires at {}: renew it", until.rfc3339()))
    } else {
        None
    }
}

fn name_fault(leaf: &X509Certificate<'_>, host: &str) -> Option<String> {
    let names = leaf.subject_alternative_name().ok().flatten().map(|extension| &extension.value.general_names);
    let names = names.map(Vec::as_slice).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let fits = |general: &GeneralName<'_>| match (general, address) {
        (GeneralName::IPAddress(octets), Some(IpAddr::V4(address))) => octets[..] == address.octets(),
        (GeneralName::IPAddress(octets), Some(IpAddr::V6(address))) => octets[..] == address.octets(),
        (GeneralName::DNSName(pattern), None) => matches(pattern, host),
        _ => false,
    };
    if names.iter().any(fits) {
        return None;
    }
    let shown: Vec<String> = names
        .iter()
        .filter_map(|general| match general {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => address_of(octets).map(|address| address.to_string()),
            _ => None,
        })
        .collect();
    let shown = if shown.is_empty() { String::from("no name") } else { shown.join(", ") };
    Some(format!("it is made out to {shown}, not to {host}, where citizens come by web.public_url: browsers refuse it"))
}

/// RFC 9525 §6.3: a wildcard stands for the whole first label and nothing else.
fn matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.trim_end_matches('.').to_ascii_lowercase(), host.trim_end_matches('.').to_ascii_lowercase());
    match pattern.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
        None => pattern == host,
    }
}

fn address_of(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// Each certificate must be signed by the next; the root at the end may be missing, browsers have it.
fn chain_fault(chain: &[X509Certificate<'_>]) -> Option<String> {
    for pair in chain.windows(2) {
        if pair[0].issuer().as_raw() != pair[1].subject().as_raw() {
            let (signed, by, next) = (name(pair[0].subject()), name(pair[0].issuer()), name(pair[1].subject()));
            return Some(format!("the chain breaks: {signed} was signed by {by}, but {next} comes next in the file"));
        }
    }
    let leaf = chain.first().filter(|_| chain.len() == 1)?;
    let issuer = name(leaf.issuer());
    match leaf.issuer().as_raw() == leaf.subject().as_raw() {
        true => Some(String::from("it signed itself: no browser trusts it, and every citizen is warned")),
        false => Some(format!(
            "the file holds the server's certificate alone: the chain is incomplete, and some browsers refuse it; append the intermediate certificate of {issuer} \
             (authorities call the whole file fullchain.pem)"
        )),
    }
}

fn name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().find_map(|common| common.as_str().ok());
    common.map_or_else(|| format!("“{name}”"), |common| format!("“{common}”"))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    /// 2027-01-15.
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn authority(called: &str, above: Option<&Authority>) -> Authority {
        let mut params = params(called, (2026, 2030));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        match above {
            None => CertifiedIssuer::self_signed(params, key).unwrap(),
            Some(above) => CertifiedIssuer::signed_by(params, key, above).unwrap(),
        }
    }

    fn params(called: &str, (from, until): (i32, i32)) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, called);
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        params
    }

    fn leaf(names: &[&str], years: (i32, i32), by: &Authority) -> CertificateDer<'static> {
        let mut with_names = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        let dated = params("leaf", years);
        (with_names.distinguished_name, with_names.not_before, with_names.not_after) =
            (dated.distinguished_name, dated.not_before, dated.not_after);
        with_names.signed_by(&KeyPair::generate().unwrap(), by).unwrap().der().clone()
    }

    fn said(chain: &[CertificateDer<'_>], host: Option<&str>) -> String {
        faults(chain, host, NOW).join("\n")
    }

    #[test]
    fn each_fault_has_its_sentence_and_a_good_chain_has_none() {
        let root = authority("Root", None);
        let between = authority("Between", Some(&root));
        let middle = between.der().clone();
        let good = leaf(&["consult.example", "192.0.2.7"], (2026, 2028), &between);
        for host in [None, Some("consult.example"), Some("CONSULT.example."), Some("192.0.2.7")] {
            assert_eq!(said(&[good.clone(), middle.clone()], host), "", "{host:?}");
        }
        let expired = leaf(&["consult.example"], (2025, 2026), &between);
        assert!(said(&[expired, middle.clone()], None).contains("expired at 2026-01-01"));
        let early = leaf(&["consult.example"], (2028, 2029), &between);
        assert!(said(&[early, middle.clone()], None).contains("valid only from 2028-01-01"));
        let wrong = said(&[good.clone(), middle.clone()], Some("other.example"));
        assert!(wrong.contains("made out to consult.example, 192.0.2.7, not to other.example"), "{wrong}");
        let alone = said(std::slice::from_ref(&good), Some("consult.example"));
        assert!(alone.contains("chain is incomplete") && alone.contains("“Between”"), "{alone}");
        let broken = said(&[good, root.der().clone()], None);
        assert!(broken.contains("“leaf” was signed by “Between”, but “Root” comes next"), "{broken}");
        assert!(said(&[root.der().clone()], None).contains("signed itself"));
    }

    #[test]
    fn a_certificate_that_ends_within_two_weeks_is_told() {
        let root = authority("Root", None);
        let chain = [leaf(&["a.example"], (2026, 2028), &root), root.der().clone()];
        let at = |day: i64| Timestamp(1_830_297_600_000 - day * 86_400_000); // 2028-01-01 less so many days
        assert_eq!(faults(&chain, None, at(15)), Vec::<String>::new());
        assert!(faults(&chain, None, at(13)).concat().contains("expires at 2028-01-01"));
    }

    #[test]
    fn a_wildcard_is_one_label() {
        assert!(matches("*.commune.example", "consult.commune.example"));
        assert!(!matches("*.commune.example", "commune.example"));
        assert!(!matches("*.commune.example", "a.consult.commune.example"));
        assert!(!matches("consult.example", "consult.example.org"));
    }
}
