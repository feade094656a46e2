//! How bad an effect is: one function of what is done, to what kind of thing, from where it comes, and with whose rights.
//!
//! Only the order of its answers matters to the rest: reaching more, coming from a less trusted place and having more rights
//! never make an effect less bad. A test goes over all of it.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, TargetClass};

use EffectKind as E;
use RiskLevel as L;
use TargetClass as T;

/// How bad an effect is by itself.
pub(crate) fn of(kind: E, class: T, provenance: Provenance, recursive: bool) -> L {
    match kind {
        E::Read => read(class),
        E::SecretRead => L::High,
        E::Delete => {
            if recursive {
                delete_all(class)
            } else {
                delete(class)
            }
        }
        E::Write | E::Overwrite => write(class, kind == E::Overwrite),
        E::RawDevice | E::Format => device(class),
        E::Execute => execute(provenance),
        E::PermissionWidened => widen(class, recursive),
        E::Permission => permission(class, recursive),
        E::Ownership => own(class, recursive),
        E::RemoteShell => L::Critical,
        E::Account | E::Persistence | E::Power | E::Firewall | E::LogTampering | E::HistoryTampering => L::High,
        E::Kernel
        | E::ContainerEscape
        | E::DatabaseDrop
        | E::ResourceExhaustion
        | E::VersionControlLoss
        | E::RemoteDelete => L::High,
        E::Service | E::Kill | E::Package | E::Network | E::DatabaseChange | E::RemoteChange => L::Medium,
        E::NetworkSend | E::NetworkListen | E::VersionControl | E::Container | E::Remote | E::Unknown => L::Medium,
        E::NetworkFetch | E::PrivilegeRaised => L::Low,
    }
}

fn read(class: T) -> L {
    match class {
        T::Credentials | T::History => L::High,
        T::Device => L::Medium,
        _ => L::None,
    }
}

fn delete(class: T) -> L {
    match class {
        T::None | T::Sink | T::Temporary => L::Low,
        T::Project | T::HomeFile | T::Data | T::Unknown => L::Medium,
        T::Root | T::System | T::Home => L::Critical,
        T::Credentials => L::Critical,
        _ => L::High,
    }
}

fn delete_all(class: T) -> L {
    match class {
        T::None | T::Sink | T::Temporary => L::Low,
        T::Root | T::System | T::Home | T::Credentials | T::Kernel => L::Critical,
        _ => L::High,
    }
}

fn write(class: T, replaces: bool) -> L {
    match class {
        T::Sink => L::None,
        T::None | T::Temporary | T::Project | T::HomeFile | T::WorkingFolder => L::Low,
        T::Data | T::Unknown | T::Network => L::Medium,
        T::Device => L::Critical,
        T::Credentials | T::Root => {
            if replaces {
                L::Critical
            } else {
                L::High
            }
        }
        T::Repository => {
            if replaces {
                L::High
            } else {
                L::Medium
            }
        }
        _ => L::High,
    }
}

fn device(class: T) -> L {
    match class {
        T::Sink => L::None,
        T::Temporary | T::Project | T::HomeFile | T::Data => L::Medium,
        _ => L::Critical,
    }
}

fn execute(provenance: Provenance) -> L {
    match provenance {
        Provenance::Literal => L::None,
        Provenance::Decoded => L::Low,
        Provenance::File => L::Medium,
        Provenance::CommandOutput | Provenance::Unknown => L::High,
        Provenance::Network => L::Critical,
    }
}

fn widen(class: T, recursive: bool) -> L {
    match class {
        T::None | T::Sink => L::Low,
        T::Temporary | T::Project => L::Medium,
        T::Root | T::System if recursive => L::Critical,
        T::Credentials => L::Critical,
        T::Home if recursive => L::Critical,
        T::HomeFile | T::Data | T::Unknown | T::WorkingFolder => {
            if recursive {
                L::High
            } else {
                L::Medium
            }
        }
        _ => L::High,
    }
}

fn permission(class: T, recursive: bool) -> L {
    match class {
        T::Root | T::System if recursive => L::Critical,
        T::Home if recursive => L::High,
        T::Root | T::Device | T::Kernel => L::High,
        T::Project | T::Temporary | T::HomeFile | T::None | T::Sink | T::Credentials | T::WorkingFolder => L::Low,
        _ => L::Medium,
    }
}

fn own(class: T, recursive: bool) -> L {
    match class {
        T::Root | T::System if recursive => L::Critical,
        T::Root | T::System | T::SystemFile | T::Credentials | T::Startup | T::Device | T::Kernel | T::Log => L::High,
        T::Home if recursive => L::High,
        T::Project | T::Temporary | T::None | T::Sink => L::Low,
        _ => L::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: &[T] = &[
        T::None,
        T::Sink,
        T::Temporary,
        T::Project,
        T::WorkingFolder,
        T::Repository,
        T::HomeFile,
        T::Home,
        T::Data,
        T::SystemFile,
        T::System,
        T::Root,
        T::Device,
        T::Kernel,
        T::Credentials,
        T::Startup,
        T::Log,
        T::History,
        T::Network,
        T::Unknown,
    ];
    const SOURCES: [Provenance; 6] = [
        Provenance::Literal,
        Provenance::Decoded,
        Provenance::File,
        Provenance::CommandOutput,
        Provenance::Unknown,
        Provenance::Network,
    ];

    #[test]
    fn reaching_more_and_trusting_less_never_lowers() {
        for kind in E::ALL {
            for class in CLASSES {
                let levels = SOURCES.map(|source| of(*kind, *class, source, false));
                assert!(levels.is_sorted(), "{kind} {class}: {levels:?}");
                for source in SOURCES {
                    assert!(of(*kind, *class, source, true) >= of(*kind, *class, source, false), "{kind} {class}");
                }
            }
            for source in SOURCES {
                for recursive in [false, true] {
                    let grow = [T::Temporary, T::Project, T::HomeFile, T::Home]
                        .map(|class| of(*kind, class, source, recursive));
                    assert!(grow.is_sorted(), "{kind}: {grow:?}");
                    let grow =
                        [T::Data, T::SystemFile, T::System, T::Root].map(|class| of(*kind, class, source, recursive));
                    assert!(
                        grow.is_sorted() || *kind == E::Permission || matches!(kind, E::Write | E::Overwrite),
                        "{kind}: {grow:?}"
                    );
                }
            }
        }
    }
}
