//! What people and programs are told about a deed.

use ogent_protocol::verdict::{EffectKind as E, Provenance, TargetClass as T};

use super::Deed;

/// Bytes of a name or target that are told.
const MAX_SHOWN: usize = 160;

/// A text for people, cut where it is too long.
pub(super) fn short(text: &str) -> String {
    if text.len() <= MAX_SHOWN {
        return text.to_owned();
    }
    let mut end = MAX_SHOWN;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// `delete-root`, `unknown`.
pub(super) fn code(deed: &Deed) -> String {
    let kind = deed.kind.as_str().replace('_', "-");
    let class = deed.class.as_str().replace('_', "-");
    match (deed.kind, deed.class) {
        (E::Execute, _) => format!("execute-{}", provenance(deed.provenance).0),
        (_, T::None) => kind,
        (kind_of, class_of) if kind_of.as_str() == class_of.as_str() => kind,
        _ => format!("{kind}-{class}"),
    }
}

fn provenance(provenance: Provenance) -> (&'static str, &'static str) {
    match provenance {
        Provenance::Literal => ("literal", "the command itself"),
        Provenance::Decoded => ("decoded", "coded text"),
        Provenance::File => ("file", "a file"),
        Provenance::CommandOutput => ("output", "what a program prints"),
        Provenance::Unknown => ("unknown", "something unknown"),
        Provenance::Network => ("network", "the network"),
    }
}

pub(super) fn message(deed: &Deed) -> String {
    let what = deed.why.clone().unwrap_or_else(|| default_why(deed));
    if deed.kind == E::Delete && deed.target.as_ref().is_some_and(|target| target.starts_with("…/")) {
        return format!(
            "{what}: {}, which is {} where … turns out to be empty",
            deed.target.as_deref().map(short).unwrap_or_default(),
            after_hole(deed)
        );
    }
    match &deed.target {
        Some(target) if !what.contains(target.as_str()) => format!("{what}: {}", short(target)),
        _ => what,
    }
}

/// What is left of a target whose beginning is not known.
fn after_hole(deed: &Deed) -> String {
    short(deed.target.as_deref().unwrap_or_default().trim_start_matches('…'))
}

fn default_why(deed: &Deed) -> String {
    let place = match deed.class {
        T::Root => "everything on the machine",
        T::System => "a folder of the system",
        T::SystemFile => "a file of the system",
        T::Home => "a whole home",
        T::HomeFile => "files in a home",
        T::Credentials => "keys or passwords",
        T::Startup => "a place from which things start by themselves",
        T::Log => "logs",
        T::History => "the history of a shell",
        T::Device => "a device",
        T::Kernel => "a file of the kernel",
        T::Repository => "what version control keeps",
        T::WorkingFolder => "all of the folder that it runs in",
        T::Data => "data outside of the folder that it runs in",
        T::Unknown => "something that is not known before it runs",
        T::Network => "a connection",
        _ => "files",
    };
    let all = if deed.recursive { "and everything below" } else { "" };
    let verb = match deed.kind {
        E::Read => "reads",
        E::SecretRead => "reads",
        E::Write => "writes to",
        E::Delete => "deletes",
        E::Overwrite => "overwrites",
        E::RawDevice => "writes past the file system to",
        E::Format => "makes a new file system on",
        E::PermissionWidened => "lets more people do more with",
        E::Permission => "changes permissions of",
        E::Ownership => "changes the owner of",
        E::LogTampering => "changes or removes",
        E::HistoryTampering => "changes or removes",
        E::Persistence => "writes to",
        E::Execute => return format!("runs code that comes from {}", provenance(deed.provenance).1),
        E::RemoteShell => return "gives a shell to the network".to_owned(),
        E::NetworkFetch => return "gets something from the network".to_owned(),
        E::NetworkSend => return "sends something to the network".to_owned(),
        E::NetworkListen => return "waits for connections".to_owned(),
        E::PrivilegeRaised => return "takes more rights than the account has".to_owned(),
        E::Kill => return "ends processes".to_owned(),
        E::Account => return "changes accounts or passwords".to_owned(),
        E::Kernel => return "changes the running kernel".to_owned(),
        E::DatabaseDrop => return "drops tables or databases".to_owned(),
        E::DatabaseChange => return "changes what a database holds".to_owned(),
        E::ResourceExhaustion => return "uses up the machine".to_owned(),
        E::Unknown => return "does something that is not known before it runs".to_owned(),
        other => return other.as_str().replace('_', " "),
    };
    format!("{verb} {place} {all}").trim_end().to_owned()
}

/// The MITRE ATT&CK technique of a deed.
pub(super) fn attack(deed: &Deed) -> Option<&'static str> {
    Some(match (deed.kind, deed.class) {
        (E::Delete | E::Overwrite, T::Log) | (E::LogTampering, _) => "T1070.002",
        (E::Delete | E::Overwrite, T::History) | (E::HistoryTampering, _) => "T1070.003",
        (E::Delete | E::Overwrite | E::DatabaseDrop | E::VersionControlLoss | E::RemoteDelete, _) => "T1485",
        (E::RawDevice | E::Format, _) => "T1561",
        (E::Execute, _) if deed.provenance == Provenance::Network => "T1105",
        (E::Execute, _) if deed.provenance == Provenance::Decoded => "T1027",
        (E::RemoteShell | E::Execute, _) => "T1059.004",
        (E::SecretRead | E::Read, T::Credentials) => "T1552.001",
        (E::SecretRead | E::Read, T::History) => "T1552.003",
        (E::PermissionWidened | E::Permission | E::Ownership, _) => "T1222.002",
        (E::Account, _) => "T1098",
        (E::Persistence | E::Write, T::Startup) | (E::Persistence, _) => "T1543",
        (E::Kernel, _) => "T1547.006",
        (E::Service | E::Kill, _) => "T1489",
        (E::Power, _) => "T1529",
        (E::Firewall, _) => "T1562.004",
        (E::NetworkSend, _) => "T1048",
        (E::NetworkFetch, _) => "T1105",
        (E::ContainerEscape, _) => "T1611",
        (E::ResourceExhaustion, _) => "T1499",
        (E::PrivilegeRaised, _) => "T1548.003",
        (E::Remote, _) => "T1021.004",
        _ => return None,
    })
}
