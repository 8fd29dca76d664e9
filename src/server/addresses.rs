//! The addresses of this machine, for the media plane's answers, the development certificate and the links of the demo. Asks the system, decides the order.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::config::{Config, Media};
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

/// Where answers say that media comes in by TCP, best first: the configured places; else the advertised addresses at the ports that lead to the HTTPS
/// listeners (`bound`): that of the public URL, unless a proxy stands there that would take the connection itself, and for this machine's own addresses
/// those that are listened on. Loopback only where there is nothing else: a browser would knock at its own machine.
pub fn advertised_tcp(config: &Config, bound: &[SocketAddr], machine: &[IpAddr]) -> Vec<SocketAddr> {
    if !config.media.tcp || bound.is_empty() {
        return Vec::new();
    }
    let configured = &config.media.tcp_addresses;
    if !configured.is_empty() {
        return configured.iter().copied().take(limits::ADVERTISED_TCP).collect();
    }
    let public_port = config.web.public_url.as_deref().filter(|_| config.web.trusted_proxies.is_empty()).and_then(port_of);
    let mut all = Vec::new();
    for address in advertised(&config.media, machine) {
        let mut ports: Vec<u16> = public_port.filter(|_| !address.is_loopback()).into_iter().collect();
        let outside = !machine.contains(&address);
        if outside {
            // Whoever forwards to us decides the port: the public one, or the same as ours.
            ports.extend(bound.first().filter(|_| ports.is_empty()).map(SocketAddr::port));
        } else {
            ports.extend(bound.iter().filter(|listener| covers(**listener, address)).map(SocketAddr::port));
        }
        all.extend(ports.into_iter().map(|port| SocketAddr::new(address, port)));
    }
    let mut seen = BTreeSet::new();
    all.retain(|place| seen.insert(*place));
    if all.iter().any(|place| !place.ip().is_loopback()) {
        all.retain(|place| !place.ip().is_loopback());
    }
    all.truncate(limits::ADVERTISED_TCP);
    all
}

/// Whether a listener bound like this takes connections to `address`.
fn covers(listener: SocketAddr, address: IpAddr) -> bool {
    match listener.ip() {
        IpAddr::V4(own) if own.is_unspecified() => address.is_ipv4(),
        // Our listeners on `[::]` take IPv4 as well.
        IpAddr::V6(own) if own.is_unspecified() => true,
        own => own == address,
    }
}

/// The port of `https://host[:port]`.
fn port_of(url: &str) -> Option<u16> {
    let authority = url.strip_prefix("https://")?;
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    match after_host.rsplit_once(':') {
        Some((_, port)) => port.parse().ok(),
        None => Some(443),
    }
}

/// Without loopback, unless there is nothing else: where somebody on another machine can mean us.
pub fn outward(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let outward: Vec<IpAddr> = addresses.iter().copied().filter(|address| !address.is_loopback()).collect();
    if outward.is_empty() { addresses.to_vec() } else { outward }
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

    const MACHINE: [&str; 4] = ["10.0.0.5", "2001:db8::5", "127.0.0.1", "::1"];

    /// Places of a server that listens at `bound`, once its settings were `changed`.
    fn tcp(bound: &str, changed: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        changed(&mut config);
        advertised_tcp(&config, &[bound.parse().unwrap()], &MACHINE.map(ip)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn media_by_tcp_comes_in_where_https_is_listened_on() {
        assert_eq!(tcp("[::]:8443", |_| {}), ["10.0.0.5:8443", "[2001:db8::5]:8443"]);
        assert_eq!(tcp("0.0.0.0:443", |_| {}), ["10.0.0.5:443"]);
        assert_eq!(tcp("127.0.0.1:443", |_| {}), ["127.0.0.1:443"]);
        assert_eq!(tcp("[::]:8443", |config| config.media.tcp = false), [""; 0]);
    }

    #[test]
    fn public_address_is_reached_at_the_port_of_the_public_url() {
        let nat = |config: &mut Config, url: &str| {
            config.media.nat = vec![(ip("10.0.0.5"), ip("203.0.113.7"))];
            config.web.public_url = Some(url.to_owned());
        };
        let found = tcp("0.0.0.0:8443", |config| nat(config, "https://video.example.lu"));
        assert_eq!(found, ["203.0.113.7:443", "10.0.0.5:443", "10.0.0.5:8443", "[2001:db8::5]:443"]);
        let found = tcp("0.0.0.0:8443", |config| nat(config, "https://[2001:db8::7]:8443"));
        assert_eq!(found[..2], ["203.0.113.7:8443", "10.0.0.5:8443"]);
        let behind_a_proxy = tcp("0.0.0.0:8443", |config| {
            nat(config, "https://video.example.lu");
            config.web.trusted_proxies = crate::config::Network::parse("10.0.0.0/8").into_iter().collect();
        });
        assert_eq!(behind_a_proxy, ["203.0.113.7:8443", "10.0.0.5:8443"]);
    }

    #[test]
    fn configured_places_of_tcp_are_taken_as_they_are() {
        let places = ["203.0.113.7:443", "[2001:db8::7]:443"].map(|place| place.parse().unwrap());
        assert_eq!(tcp("[::]:8443", |config| config.media.tcp_addresses = places.to_vec()), ["203.0.113.7:443", "[2001:db8::7]:443"]);
    }

    #[test]
    fn configured_addresses_are_taken_in_their_order() {
        let media = Media { addresses: vec![ip("2001:db8::10"), ip("192.0.2.10")], ..Media::default() };
        assert_eq!(advertised(&media, &[ip("10.0.0.5")]), ["2001:db8::10", "192.0.2.10"].map(ip));
    }
}
