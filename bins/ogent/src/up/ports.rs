//! Receives the ports that the parts are going to need, says which of them are taken, before anything is started.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// A port that a part is going to need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Who needs it.
    pub(crate) part: &'static str,
    /// Where; port 0 takes any.
    pub(crate) address: SocketAddr,
    /// The flag that changes it.
    pub(crate) flag: &'static str,
}

/// Ports that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub(crate) struct PortsTaken(Vec<String>);

/// Tries all of them, so that the user hears of all at once.
pub(crate) fn check(wanted: &[Wanted]) -> Result<(), PortsTaken> {
    let problems: Vec<String> = wanted.iter().filter_map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(PortsTaken(problems)) }
}

fn problem(wanted: &Wanted) -> Option<String> {
    let Wanted { part, address, flag } = wanted;
    if address.port() == 0 {
        return None;
    }
    let error = TcpListener::bind(address).err()?;
    Some(match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {} for {part} is taken ({flag} PORT picks another)", address.port()),
        _ => format!("{part} cannot listen on {address} ({error})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_flag() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        let wanted = [
            Wanted { part: "nats-server", address, flag: "--nats-port" },
            Wanted { part: "the API", address: "127.0.0.1:0".parse().unwrap(), flag: "--port" },
        ];
        let error = check(&wanted).unwrap_err().to_string();
        assert_eq!(error, format!("port {} for nats-server is taken (--nats-port PORT picks another)", address.port()));
        drop(holder);
        assert!(check(&wanted).is_ok());
    }

    #[test]
    fn an_address_that_is_not_this_machines_is_named() {
        let address = "192.0.2.1:4222".parse().unwrap();
        let error = check(&[Wanted { part: "nats-server", address, flag: "--nats-port" }]).unwrap_err().to_string();
        assert!(error.starts_with("nats-server cannot listen on 192.0.2.1:4222"), "{error}");
    }
}
