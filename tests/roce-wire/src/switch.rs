//! A learning Ethernet switch between any number of links: store and forward, a buffer at each output.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::environment::Surroundings;
use crate::link::Port;

/// What a switch is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchConfig {
    /// From the arrival of a frame's last bit to its place in the queue of an output, in nanoseconds.
    pub latency: u64,
    /// Bytes that wait at one output at most; a frame that finds no room is dropped.
    pub buffer: u64,
}

impl Default for SwitchConfig {
    /// A top-of-rack switch: half a microsecond, 4 MiB an output.
    fn default() -> Self {
        Self {
            latency: 500,
            buffer: 4 << 20,
        }
    }
}

/// What a switch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchCounters {
    /// Frames sent out of the one port behind which their destination is.
    pub forwarded: u64,
    /// Frames sent out of all other ports: to a group, or to a station not heard yet.
    pub flooded: u64,
    /// Copies that found an output's buffer full.
    pub dropped: u64,
}

type Address = [u8; 6];

/// A switch. It lives as long as one of its ports has a receiver ([`Port::disconnect`]).
pub struct Switch {
    around: Surroundings,
    config: SwitchConfig,
    ports: RefCell<Vec<Port>>,
    /// Behind which port a station was heard last.
    stations: RefCell<BTreeMap<Address, usize>>,
    counters: Cell<SwitchCounters>,
}

impl Switch {
    /// A switch without cables.
    pub fn new(around: Surroundings, config: SwitchConfig) -> Rc<Self> {
        Rc::new(Self {
            around,
            config,
            ports: RefCell::default(),
            stations: RefCell::default(),
            counters: Cell::default(),
        })
    }

    /// Plugs one end of a link in.
    pub fn attach(self: &Rc<Self>, port: Port) {
        let index = self.ports.borrow().len();
        let switch = Rc::clone(self);
        port.on_receive(move |frame| switch.receive(index, frame));
        self.ports.borrow_mut().push(port);
    }

    /// What it did so far.
    pub fn counters(&self) -> SwitchCounters {
        self.counters.get()
    }

    fn count(&self, change: impl FnOnce(&mut SwitchCounters)) {
        let mut counters = self.counters.get();
        change(&mut counters);
        self.counters.set(counters);
    }

    fn receive(self: &Rc<Self>, from: usize, frame: Vec<u8>) {
        let address = |at: usize| frame.get(at..at + 6)?.try_into().ok();
        let (Some(to), Some(source)) = (address(0), address(6)) else {
            return;
        };
        if !is_group(source) {
            self.stations.borrow_mut().insert(source, from);
        }
        let known = self.stations.borrow().get(&to).copied();
        match known.filter(|_| !is_group(to)) {
            // Its station has heard it already.
            Some(port) if port == from => {}
            Some(port) => {
                self.count(|counters| counters.forwarded += 1);
                self.queue(port, frame);
            }
            None => {
                self.count(|counters| counters.flooded += 1);
                let ports = self.ports.borrow().len();
                let others = (0..ports).filter(|port| *port != from);
                others.for_each(|port| self.queue(port, frame.clone()));
            }
        }
    }

    fn queue(self: &Rc<Self>, port: usize, frame: Vec<u8>) {
        let switch = Rc::clone(self);
        let action = move || switch.send(port, frame);
        self.around.after(self.config.latency, Box::new(action));
    }

    fn send(&self, port: usize, frame: Vec<u8>) {
        let port = self.ports.borrow()[port].clone();
        let waits = port.idle_at() - self.around.now();
        let waiting = waits * u64::from(port.gigabits()) / 8;
        if waiting + frame.len() as u64 > self.config.buffer {
            return self.count(|counters| counters.dropped += 1);
        }
        port.transmit(frame);
    }
}

/// A multicast or broadcast address.
const fn is_group(address: Address) -> bool {
    address[0] & 1 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::MILLISECOND;
    use crate::link::{Link, LinkConfig};
    use crate::timeline::Timeline;

    type Seen = Rc<RefCell<Vec<(usize, u8)>>>;

    struct Net {
        timeline: Rc<Timeline>,
        switch: Rc<Switch>,
        links: Vec<Link>,
        /// Who got what: the station, and the frame's mark.
        seen: Seen,
    }

    impl Net {
        fn new(config: SwitchConfig) -> Self {
            let timeline = Timeline::new(1);
            let switch = Switch::new(timeline.clone(), config);
            let seen = Seen::default();
            let links: Vec<_> = (0..3)
                .map(|station| {
                    let link = Link::new(timeline.clone(), LinkConfig::default());
                    let log = Rc::clone(&seen);
                    link.port(0)
                        .on_receive(move |frame| log.borrow_mut().push((station, frame[12])));
                    switch.attach(link.port(1));
                    link
                })
                .collect();
            Self {
                timeline,
                switch,
                links,
                seen,
            }
        }

        fn send(&self, from: u8, to: Address, mark: u8) {
            let mut frame = vec![0; 100];
            frame[..6].copy_from_slice(&to);
            frame[6..12].copy_from_slice(&station(from));
            frame[12] = mark;
            self.links[usize::from(from)].port(0).transmit(frame);
        }

        fn settle(&self) -> Vec<(usize, u8)> {
            self.timeline.run_for(MILLISECOND);
            self.seen.take()
        }
    }

    impl Drop for Net {
        fn drop(&mut self) {
            self.links.iter().for_each(|link| link.port(1).disconnect());
        }
    }

    const fn station(number: u8) -> Address {
        [2, 0, 0, 0, 0, number]
    }

    #[test]
    fn a_station_is_found_once_it_was_heard() {
        let net = Net::new(SwitchConfig::default());
        net.send(0, station(1), 7);
        assert_eq!(net.settle(), [(1, 7), (2, 7)], "nobody knows where it is");
        net.send(1, station(0), 8);
        assert_eq!(net.settle(), [(0, 8)]);
        net.send(0, station(1), 9);
        assert_eq!(net.settle(), [(1, 9)]);
        net.send(2, [0xff; 6], 10);
        assert_eq!(net.settle(), [(0, 10), (1, 10)], "a broadcast reaches all others");
        let counters = net.switch.counters();
        assert_eq!(
            (counters.forwarded, counters.flooded, counters.dropped),
            (2, 2, 0)
        );
    }

    #[test]
    fn an_output_takes_what_its_buffer_holds_and_in_order() {
        let config = SwitchConfig {
            buffer: 1000,
            ..SwitchConfig::default()
        };
        let net = Net::new(config);
        net.send(2, station(2), 0);
        net.settle();
        // Two stations send to a third at full speed: every second frame waits.
        for mark in 0..100 {
            net.send(0, station(2), mark);
            net.send(1, station(2), 100 + mark);
        }
        let seen = net.settle();
        let dropped = net.switch.counters().dropped;
        assert!(dropped > 50, "{dropped}");
        assert_eq!(seen.len() as u64, 200 - dropped);
        let of_first: Vec<_> = seen.iter().filter(|(_, mark)| *mark < 100).collect();
        assert!(of_first.is_sorted());
    }
}
