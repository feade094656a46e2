//! Receives the names of broker and gateway, gives their certificates by a private authority.

use std::fs;

use anyhow::Context as _;
use jiff::Timestamp;
use ogent_broker::credentials::Layout;
use ogent_runtime::Secret;
use ogent_runtime::tls::Ca;

use super::settings::{Issued, Settings};

const CA: &str = "tls/ca.pem";
const CA_KEY: &str = "tls/ca-key.pem";

/// A certificate lasts for 800 days; from half of it on, the next run makes a new one.
const RENEW_AFTER_SECONDS: i64 = 400 * 24 * 60 * 60;

/// Makes what is missing, was issued for other names, or comes to its end.
pub(super) fn make(layout: &mut Layout, settings: &mut Settings, now: Timestamp) -> anyhow::Result<()> {
    let ca = authority(layout)?;
    let loopback = || ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let hosts: Vec<String> = settings.brokers.iter().cloned().chain(loopback()).collect();
    issue(layout, &ca, "broker", hosts, &mut settings.broker_certificate, now)?;
    if !settings.gateways.is_empty() {
        let hosts: Vec<String> = settings.gateways.iter().cloned().chain(loopback()).collect();
        issue(layout, &ca, "gateway", hosts, &mut settings.gateway_certificate, now)?;
    }
    let certificate = ca.certificate().to_owned();
    Ok(layout.write("registrar/ca.pem", 0o644, certificate.as_bytes())?)
}

fn authority(layout: &mut Layout) -> anyhow::Result<Ca> {
    layout.folder("tls")?;
    let (certificate, key) = (layout.path(CA), layout.path(CA_KEY));
    if !certificate.exists() && !key.exists() {
        let (ca, secret) = Ca::generate()?;
        layout.write(CA_KEY, 0o600, secret.expose().as_bytes())?;
        layout.write(CA, 0o644, ca.certificate().as_bytes())?;
        return Ok(ca);
    }
    let read = |path| fs::read_to_string(path).with_context(|| format!("{} cannot be read", certificate.display()));
    let text = read(&certificate)?;
    let key_text = fs::read_to_string(&key).with_context(|| {
        format!("{} is needed for a new certificate, and cannot be read: bring it back for that", key.display())
    });
    Ok(Ca::load(text, &Secret::new(key_text?))?)
}

fn issue(
    layout: &mut Layout,
    ca: &Ca,
    name: &str,
    hosts: Vec<String>,
    issued: &mut Option<Issued>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let (certificate, key) = (format!("tls/{name}.pem"), format!("tls/{name}-key.pem"));
    let is_there = layout.path(&certificate).exists() && layout.path(&key).exists();
    let is_good = |issued: &Issued| issued.hosts == hosts && now.as_second() - issued.at < RENEW_AFTER_SECONDS;
    if is_there && issued.as_ref().is_some_and(is_good) {
        return Ok(());
    }
    let leaf = ca.issue(&hosts).with_context(|| format!("no certificate can be made for {}", hosts.join(", ")))?;
    layout.write(&key, 0o600, leaf.key.expose().as_bytes())?;
    layout.write(&certificate, 0o644, leaf.certificate.as_bytes())?;
    *issued = Some(Issued { hosts, at: now.as_second() });
    Ok(())
}
