//! How many web sockets may be open, in all and from one address (trust.md O13). Refuses to know what is spoken on them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits;
use crate::linux;

/// Counts open sockets of all listeners together.
pub struct Gate {
    counts: Mutex<Counts>,
    most: usize,
    most_of_one: usize,
    /// Addresses that stand for many people: proxies.
    exempt: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One open socket; dropping it makes room for another.
pub struct Pass {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Gate {
    /// At most `limits::WEB_SOCKETS`, and never more than 80 % of the files that this process may open.
    pub fn new(exempt: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Arc<Self> {
        let most = open_files_max().map_or(limits::WEB_SOCKETS, |files| limits::WEB_SOCKETS.min(files / 5 * 4));
        Self::with(most, most / 4, exempt)
    }

    fn with(most: usize, most_of_one: usize, exempt: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { counts: Mutex::default(), most, most_of_one, exempt: Box::new(exempt) })
    }

    /// Room for one more socket of this address, or `None`: the socket is then closed at once.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Pass> {
        let address = address.to_canonical();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = counts.by_address.get(&address).copied().unwrap_or(0);
        let is_alone = address.is_loopback() || (self.exempt)(address);
        if counts.all >= self.most || (of_one >= self.most_of_one && !is_alone) {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, of_one + 1);
        Some(Pass { gate: self.clone(), address })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.gate.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        match counts.by_address.get_mut(&self.address) {
            Some(n) if *n > 1 => *n -= 1,
            _ => {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// The soft limit of this process, where the system tells it.
fn open_files_max() -> Option<usize> {
    linux::open_files_max(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_socket_and_leaving_makes_room() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let gate = Gate::with(4, 2, move |address| address == proxy);
        let [a, b]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let first = gate.enter(a).unwrap();
        let _second = gate.enter(a).unwrap();
        assert!(gate.enter(a).is_none());
        assert!(gate.enter("::ffff:192.0.2.1".parse().unwrap()).is_none());
        let _third = gate.enter(b).unwrap();
        drop(first);
        let _again = gate.enter(a).unwrap();
        let _last = gate.enter(proxy).unwrap();
        assert!(gate.enter(proxy).is_none(), "the total holds for proxies too");
    }

    #[test]
    fn nothing_is_remembered_of_those_who_left() {
        let gate = Gate::with(2, 2, |_| false);
        drop(gate.enter("192.0.2.1".parse().unwrap()));
        assert!(gate.counts.lock().unwrap().by_address.is_empty());
    }
}
