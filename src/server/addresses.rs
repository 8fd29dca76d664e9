//! The addresses of this machine, for the media plane's answers, the development certificate and the links of the demo. Asks the system, decides the order.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::config::Media;
use crate::limits;

/// Every address of every interface, IPv4 before IPv6, loopback last; link-local ones need a zone and are left out.
pub fn of_machine() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    in_order(interfaces.iter().filter(|interface| !interface.is_link_local()).map(if_addrs::Interface::ip))
}

/// What answers name, best first: the configured addresses, else the machine's; a public address before the one it leads to.
pub fn advertised(media: &Media, machine: &[IpAddr]) -> Vec<IpAddr> {
    let own = if media.addresses.is_empty() { machine } else { &media.addresses };
    let public = media.nat.iter().filter(|(inside, _)| own.contains(inside)).map(|(_, public)| *public);
    let mut seen = BTreeSet::new();
    public.chain(own.iter().copied()).filter(|address| seen.insert(*address)).take(limits::ADVERTISED_ADDRESSES).collect()
}

fn in_order(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let sorted: BTreeSet<(bool, bool, IpAddr)> = addresses.map(|address| (address.is_loopback(), address.is_ipv6(), address)).collect();
    sorted.into_iter().map(|(_, _, address)| address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_comes_last_and_nothing_twice() {
        let given = ["127.0.0.1", "2001:db8::1", "::1", "192.0.2.1", "192.0.2.1"].map(ip);
        assert_eq!(in_order(given.into_iter()), ["192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"].map(ip));
    }

    #[test]
    fn public_address_of_a_nat_stands_before_the_address_that_it_leads_to() {
        let media = Media { nat: vec![(ip("10.0.0.5"), ip("203.0.113.7")), (ip("10.9.9.9"), ip("203.0.113.8"))], ..Media::default() };
        assert_eq!(advertised(&media, &[ip("10.0.0.5"), ip("127.0.0.1")]), ["203.0.113.7", "10.0.0.5", "127.0.0.1"].map(ip));
    }

    #[test]
    fn configured_addresses_are_taken_in_their_order() {
        let media = Media { addresses: vec![ip("2001:db8::10"), ip("192.0.2.10")], ..Media::default() };
        assert_eq!(advertised(&media, &[ip("10.0.0.5")]), ["2001:db8::10", "192.0.2.10"].map(ip));
    }
}
