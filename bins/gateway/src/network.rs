//! Receives addresses of connections and what proxies say of them, gives the address that a request really came from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::limits::MAX_HOPS;

/// Addresses that share their first bits: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network; write it like 10.0.0.0/8 or fd00::/8")]
pub struct InvalidNetwork(String);

// === impl Network ===

impl Network {
    /// Whether that address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (one, other) = (self.address, address.to_canonical());
        let (one, other, width) = match (one, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => (u128::from(one.to_bits()), u128::from(other.to_bits()), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let rest = u32::from(width - self.bits);
        one.checked_shr(rest).unwrap_or(0) == other.checked_shr(rest).unwrap_or(0)
    }

    /// The network whose failures count together: one address of IPv4, a customer's /64 of IPv6.
    #[must_use]
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self { address: address.into(), bits: 32 },
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self { address: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into(), bits: 64 }
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let wrong = || InvalidNetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| wrong()))?;
        match bits <= width && address.to_canonical() == address {
            true => Ok(Self { address, bits }),
            false => Err(wrong()),
        }
    }
}

/// The address that a request came from, through proxies that are trusted. `forwarded` are the values of all
/// `X-Forwarded-For` headers, in their order.
///
/// Each proxy writes behind what was there whom it has heard it from, so they are read from the right, as long as those who
/// wrote them are trusted. What a client writes itself stands farther left, and is not looked at.
pub(crate) fn client<'a>(
    peer: IpAddr,
    trusted: &[Network],
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    for hop in forwarded.rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS) {
        if !is_trusted(client) {
            break;
        }
        // A trusted proxy that writes something else says nothing: it is the last one that is known.
        let Some(address) = parse(hop.trim()) else { break };
        client = address;
    }
    client
}

/// An address, as some proxies write it with its port.
fn parse(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    plain.or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn of(peer: &str, trusted: &[&str], forwarded: &[&str]) -> String {
        client(peer.parse().unwrap(), &networks(trusted), forwarded.iter().copied()).to_string()
    }

    #[test]
    fn networks_are_read_and_compared() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.0/-1", "10/8", "host", "::1/129", "10.0.0.0/8/8", "::ffff:10.0.0.0/104"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        assert_eq!(Network::of("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(), "2001:db8:1:2::/64");
        assert_eq!(Network::of("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1/32");
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        // Nobody is trusted, or not this one.
        assert_eq!(of("198.51.100.1", &[], &["192.0.2.1"]), "198.51.100.1");
        assert_eq!(of("198.51.100.1", &["10.0.0.0/8"], &["192.0.2.1"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8"], &["192.0.2.1"]), "192.0.2.1");
        // What the client has written itself stands left, in the same header or in one of its own.
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8"], &["1.1.1.1, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8"], &["1.1.1.1", "192.0.2.1"]), "192.0.2.1");
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8"], &["10.0.0.9, 192.0.2.1, 10.0.0.2"]), "192.0.2.1");
        // A chain of proxies only: the farthest of them.
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8"], &["10.0.0.3,10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn what_is_no_address_hides_nobody() {
        for odd in ["", "unknown", "_hidden", "192.0.2.1.5", "localhost", "1.1.1.1 2.2.2.2", "for=1.1.1.1", "%31.1.1.1"]
        {
            assert_eq!(of("10.0.0.1", &["10.0.0.0/8"], &[&format!("1.1.1.1, {odd}")]), "10.0.0.1", "{odd}");
        }
        for (written, address) in [
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(of("::ffff:10.0.0.1", &["10.0.0.0/8"], &[written]), address);
        }
        let long = vec!["10.0.0.2"; 10_000].join(",");
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8"], &[&format!("192.0.2.1,{long}")]), "10.0.0.2");
    }
}
