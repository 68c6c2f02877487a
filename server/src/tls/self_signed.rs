//! The certificate of a server that was given none: made once, kept, and made again when it no longer serves.
//!
//! Certificate and key are in one file, so that there is never one without the other.

use super::certificate::{Certificate, CertificateError};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::ServerName;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The file in the data directory.
pub(super) const FILE_NAME: &str = "self-signed.pem";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Browsers refuse certificates that are valid for longer than 398 days.
const VALIDITY: Duration = DAY.saturating_mul(397);
/// Clocks differ: a certificate of this minute would be one of the future for some.
const BACKDATED: Duration = DAY;
/// How long before its end a certificate is replaced.
const RENEWED_BEFORE: Duration = DAY.saturating_mul(30);

/// The names by which a client on this machine or in its networks may reach the server.
pub(super) fn names(addresses: &[IpAddr]) -> Vec<ServerName<'static>> {
    let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut names: Vec<_> = ["localhost".to_owned(), host_name]
        .into_iter()
        .filter_map(|name| ServerName::try_from(name).ok())
        .collect();
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let addresses: BTreeSet<_> = addresses.iter().copied().chain(loopback).collect();
    names.extend(addresses.into_iter().map(ServerName::from));
    names.dedup();
    names
}

/// The certificate kept in `data_dir`, or a new one if that does not serve `names` for another 30 days.
pub(super) fn load_or_make(
    data_dir: &Path,
    names: &[ServerName<'static>],
    now: SystemTime,
) -> Result<Certificate, CertificateError> {
    let path = data_dir.join(FILE_NAME);
    match Certificate::read(&path, &path) {
        Ok(kept) if kept.serves(names, now) && kept.serves(names, now + RENEWED_BEFORE) => return Ok(kept),
        Ok(_) => {
            tracing::info!("the self-signed certificate ends soon or lacks a local address; making another");
        }
        Err(CertificateError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, "the self-signed certificate cannot be used; making another"),
    }
    let pem = make(names, now)?;
    replace(data_dir, &path, pem.as_bytes())
        .map_err(|source| CertificateError::Unwritable { path: path.clone(), source })?;
    Certificate::read(&path, &path)
}

/// A new certificate and its key (ECDSA with P-256), in DER form, that nobody keeps.
pub(super) fn temporary(now: SystemTime) -> Result<(Vec<u8>, Vec<u8>), rcgen::Error> {
    let (certificate, key) = generate(&[], now)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}

/// A new key and a certificate for it, as PEM.
fn make(names: &[ServerName<'static>], now: SystemTime) -> Result<String, rcgen::Error> {
    let (certificate, key) = generate(names, now)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

fn generate(
    names: &[ServerName<'static>],
    now: SystemTime,
) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate()?;
    let names: Vec<String> = names.iter().map(|name| name.to_str().into_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "moim self-signed");
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + VALIDITY - BACKDATED).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok((params.self_signed(&key)?, key))
}

/// Writes a file that only this user may read. Whoever looks sees the old content or the new, never a part.
fn replace(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let unfinished = path.with_extension(format!("pem.{}", std::process::id()));
    let written = (|| {
        // What an interrupted start may have left under this name would keep its permissions.
        let _ = fs::remove_file(&unfinished);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn name(text: &str) -> ServerName<'static> {
        ServerName::try_from(text.to_owned()).unwrap()
    }

    fn content(folder: &Path) -> Vec<u8> {
        fs::read(folder.join(FILE_NAME)).unwrap()
    }

    #[test]
    fn is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let names = [name("localhost"), name("192.0.2.7")];
        let now = SystemTime::now();

        let made = load_or_make(&folder.path().join("new"), &names, now).unwrap();
        let first = content(&folder.path().join("new"));
        let kept = load_or_make(&folder.path().join("new"), &names, now + DAY).unwrap();

        assert_eq!(made.chain, kept.chain);
        assert!(kept.is_self_signed());
        assert_eq!(content(&folder.path().join("new")), first);
        let mode = fs::metadata(folder.path().join("new").join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn is_made_again_for_a_new_address_and_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let at_home = load_or_make(folder.path(), &[name("localhost")], now).unwrap();

        let moved = load_or_make(folder.path(), &[name("localhost"), name("2001:db8::1")], now).unwrap();
        let renewed = load_or_make(folder.path(), &[name("localhost")], now + VALIDITY - DAY * 29).unwrap();

        assert_ne!(at_home.chain, moved.chain);
        assert_ne!(moved.chain, renewed.chain);
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "-----BEGIN CERTIFICATE-----\nnot one").unwrap();

        let made = load_or_make(folder.path(), &[name("localhost")], SystemTime::now()).unwrap();

        assert!(made.serves(&[name("localhost")], SystemTime::now()));
    }
}
