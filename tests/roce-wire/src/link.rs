//! A full-duplex link between two ports: bandwidth, latency, seeded faults, counters.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::capture::Capture;
use crate::environment::Surroundings;

/// Bytes that a frame takes on the wire beyond itself: preamble 8, check sequence 4, gap 12.
const OVERHEAD: u64 = 24;
/// Headers in front of RoCEv2's transport over IPv4 and Ethernet and the base transport header: damage falls behind it.
const BEFORE_PAYLOAD: usize = 54;

/// How often the wire does wrong, in chances per million frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Frames that never arrive.
    pub loss: u32,
    /// Frames that arrive twice.
    pub duplication: u32,
    /// Frames that later ones overtake.
    pub reordering: u32,
    /// Frames that arrive with some bits inverted.
    pub corruption: u32,
}

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Bandwidth of each direction, in Gb/s.
    pub gigabits: u32,
    /// From the last bit sent to its arrival, in nanoseconds.
    pub latency: u64,
    /// What goes wrong, in both directions.
    pub faults: Faults,
    /// Overtaken frames are late by up to this, in nanoseconds.
    pub reordering_window: u64,
}

impl Default for LinkConfig {
    /// 100 Gb/s over a few metres, without faults.
    fn default() -> Self {
        Self {
            gigabits: 100,
            latency: 600,
            faults: Faults::default(),
            reordering_window: 5_000,
        }
    }
}

/// What a port saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames given to the link by this port.
    pub sent_frames: u64,
    /// Their bytes, without overhead.
    pub sent_bytes: u64,
    /// Frames delivered to this port.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Frames of this port that the link lost: by fault, or because it was down.
    pub lost: u64,
    /// Frames of this port that the link delivered twice.
    pub duplicated: u64,
    /// Frames of this port that the link delayed.
    pub reordered: u64,
    /// Frames of this port that the link damaged.
    pub corrupted: u64,
}

type Receiver = Rc<dyn Fn(Vec<u8>)>;
type Watcher = Rc<dyn Fn(bool)>;

struct Shared {
    around: Surroundings,
    config: Cell<LinkConfig>,
    up: Cell<bool>,
    capture: RefCell<Option<Rc<Capture>>>,
}

struct End {
    shared: Rc<Shared>,
    peer: RefCell<Weak<Self>>,
    // When the last frame given to the link will have left.
    free_at: Cell<u64>,
    receiver: RefCell<Option<Receiver>>,
    watcher: RefCell<Option<Watcher>>,
    counters: Cell<Counters>,
}

/// One end of a link. Clones are the same end.
#[derive(Clone)]
pub struct Port {
    end: Rc<End>,
    // The link lives as long as either end.
    _peer: Rc<End>,
}

/// A link's handle for who built it.
#[derive(Clone)]
pub struct Link {
    ports: [Port; 2],
}

impl Link {
    /// A link that is up. Faults are drawn from `around`.
    ///
    /// # Panics
    /// If the bandwidth is zero.
    pub fn new(around: Surroundings, config: LinkConfig) -> Self {
        assert!(config.gigabits > 0, "a link needs bandwidth");
        let shared = Rc::new(Shared {
            around,
            config: Cell::new(config),
            up: Cell::new(true),
            capture: RefCell::default(),
        });
        let end = || {
            Rc::new(End {
                shared: shared.clone(),
                peer: RefCell::new(Weak::new()),
                free_at: Cell::new(0),
                receiver: RefCell::default(),
                watcher: RefCell::default(),
                counters: Cell::default(),
            })
        };
        let (a, b) = (end(), end());
        *a.peer.borrow_mut() = Rc::downgrade(&b);
        *b.peer.borrow_mut() = Rc::downgrade(&a);
        Self {
            ports: [
                Port {
                    end: a.clone(),
                    _peer: b.clone(),
                },
                Port { end: b, _peer: a },
            ],
        }
    }

    /// One end, 0 or 1.
    ///
    /// # Panics
    /// If there is no such end.
    pub fn port(&self, index: usize) -> Port {
        self.ports[index].clone()
    }

    /// Records every frame, as it was sent, from now on.
    pub fn set_capture(&self, capture: Option<Rc<Capture>>) {
        *self.shared().capture.borrow_mut() = capture;
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        let config = &self.shared().config;
        config.set(LinkConfig {
            faults,
            ..config.get()
        });
    }

    /// Brings the link down or up; both ends see it at once. Frames under way are lost when it goes down.
    pub fn set_up(&self, up: bool) {
        if self.shared().up.replace(up) == up {
            return;
        }
        for port in &self.ports {
            let watcher = port.end.watcher.borrow().clone();
            if let Some(watcher) = watcher {
                watcher(up);
            }
        }
    }

    fn shared(&self) -> &Shared {
        &self.ports[0].end.shared
    }
}

impl Port {
    /// Calls `receiver` with each frame that arrives, in an action of the environment.
    pub fn on_receive(&self, receiver: impl Fn(Vec<u8>) + 'static) {
        *self.end.receiver.borrow_mut() = Some(Rc::new(receiver));
    }

    /// Calls `watcher` whenever the link goes up (`true`) or down.
    pub fn on_change(&self, watcher: impl Fn(bool) + 'static) {
        *self.end.watcher.borrow_mut() = Some(Rc::new(watcher));
    }

    /// Lets go of receiver and watcher: nothing arrives any more.
    pub fn disconnect(&self) {
        self.end.receiver.take();
        self.end.watcher.take();
    }

    /// Whether the link is up.
    pub fn is_up(&self) -> bool {
        self.end.shared.up.get()
    }

    /// Bandwidth in Gb/s.
    pub fn gigabits(&self) -> u32 {
        self.end.shared.config.get().gigabits
    }

    /// What this port saw so far.
    pub fn counters(&self) -> Counters {
        self.end.counters.get()
    }

    /// When a frame given now would begin to leave: now if the sending side is idle.
    pub fn idle_at(&self) -> u64 {
        self.end.free_at.get().max(self.around().now())
    }

    /// Gives a frame to the link, behind those given before. Returns when its last bit will have left.
    pub fn transmit(&self, frame: Vec<u8>) -> u64 {
        let config = self.end.shared.config.get();
        let start = self.idle_at();
        let bits = (frame.len() as u64 + OVERHEAD) * 8;
        let left = start + bits.div_ceil(u64::from(config.gigabits));
        self.end.free_at.set(left);
        self.count(|counters| {
            counters.sent_frames += 1;
            counters.sent_bytes += frame.len() as u64;
        });
        if let Some(capture) = &*self.end.shared.capture.borrow() {
            capture.record(self.around().now(), start, &frame);
        }
        if self.is_up() {
            self.carry(frame, left + config.latency, &config);
        } else {
            self.count(|counters| counters.lost += 1);
        }
        left
    }

    /// Takes the frame to the other end, unless the seed has it otherwise.
    fn carry(&self, mut frame: Vec<u8>, arrival: u64, config: &LinkConfig) {
        let (around, faults) = (self.around(), config.faults);
        if around.chance(faults.loss) {
            return self.count(|counters| counters.lost += 1);
        }
        let mut arrival = arrival;
        if around.chance(faults.reordering) {
            arrival += 1 + around.choose(config.reordering_window);
            self.count(|counters| counters.reordered += 1);
        }
        if around.chance(faults.duplication) {
            let again = arrival + 1 + around.choose(config.reordering_window);
            self.count(|counters| counters.duplicated += 1);
            self.deliver_at(again, frame.clone());
        }
        if around.chance(faults.corruption) {
            corrupt(around, &mut frame);
            self.count(|counters| counters.corrupted += 1);
        }
        self.deliver_at(arrival, frame);
    }

    fn deliver_at(&self, time: u64, frame: Vec<u8>) {
        let sender = self.clone();
        self.around().at(time, Box::new(move || sender.deliver(frame)));
    }

    fn around(&self) -> &Surroundings {
        &self.end.shared.around
    }

    fn deliver(&self, frame: Vec<u8>) {
        let peer = self.end.peer.borrow().upgrade();
        let receiver = peer.as_ref().and_then(|peer| peer.receiver.borrow().clone());
        let (Some(peer), Some(receiver), true) = (peer, receiver, self.is_up()) else {
            return self.count(|counters| counters.lost += 1);
        };
        let mut counters = peer.counters.get();
        counters.received_frames += 1;
        counters.received_bytes += frame.len() as u64;
        peer.counters.set(counters);
        receiver(frame);
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        let mut counters = self.end.counters.get();
        change(&mut counters);
        self.end.counters.set(counters);
    }
}

/// Inverts one to three neighbouring bits behind the headers that a switch reads: the ICRC finds each such burst.
fn corrupt(around: &Surroundings, frame: &mut [u8]) {
    let Some(space) = frame.get_mut(BEFORE_PAYLOAD..).filter(|space| !space.is_empty()) else {
        return;
    };
    let bits = space.len() * 8;
    let first = around.choose(bits as u64) as usize;
    let width = 1 + around.choose(3) as usize;
    for bit in first..(first + width).min(bits) {
        space[bit / 8] ^= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Environment as _, MILLISECOND};
    use crate::timeline::Timeline;
    use crate::{Aeth, Bth, Ethernet, Extended, Headers, Network, Opcode, Packet, PacketError};
    use std::net::IpAddr;

    const HUNDRED: LinkConfig = LinkConfig {
        gigabits: 100,
        latency: 1_000,
        faults: Faults {
            loss: 0,
            duplication: 0,
            reordering: 0,
            corruption: 0,
        },
        reordering_window: 5_000,
    };

    fn ack(psn: u32) -> Vec<u8> {
        let address = |last| IpAddr::from([10, 9, 0, last]);
        let headers = Headers {
            ethernet: Ethernet::default(),
            network: Network::between(address(1), address(2), 0, 64).expect("one family"),
            source_port: 0xc000,
            udp_checksum: 0,
            bth: Bth::new(Opcode::Acknowledge, 17, psn),
            extended: Extended::Aeth(Aeth {
                syndrome: 0x1f,
                msn: psn,
            }),
        };
        headers.encode_with(0, |_| {})
    }

    /// When a packet came, and its sequence number.
    type Arrival = (u64, Result<u32, PacketError>);

    /// Sends `count` acknowledgements and returns what came, and the sender's counters.
    fn sent(seed: u64, config: LinkConfig, count: u32) -> (Vec<Arrival>, Counters) {
        let timeline = Timeline::new(seed);
        let link = Link::new(timeline.clone(), config);
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (log, clock) = (seen.clone(), timeline.clone());
        link.port(1).on_receive(move |frame| {
            let psn = Packet::parse(&frame).map(|packet| packet.headers.bth.psn);
            log.borrow_mut().push((clock.now(), psn));
        });
        for psn in 0..count {
            link.port(0).transmit(ack(psn));
        }
        timeline.run_for(MILLISECOND);
        link.port(1).disconnect();
        (seen.take(), link.port(0).counters())
    }

    #[test]
    fn frames_arrive_in_order_one_serialization_time_apart() {
        let (seen, counters) = sent(1, HUNDRED, 3);
        // 62 bytes and 24 of overhead are 688 bits: 6.88 ns at 100 Gb/s, rounded up.
        assert_eq!(seen, [(1_007, Ok(0)), (1_014, Ok(1)), (1_021, Ok(2))]);
        assert_eq!(
            (counters.sent_frames, counters.sent_bytes, counters.lost),
            (3, 186, 0)
        );
    }

    #[test]
    fn faults_come_from_the_seed_and_are_counted() {
        let faults = Faults {
            loss: 100_000,
            duplication: 50_000,
            reordering: 100_000,
            corruption: 50_000,
        };
        let config = LinkConfig { faults, ..HUNDRED };
        let (seen, counters) = sent(7, config, 1_000);
        assert_eq!(seen, sent(7, config, 1_000).0);
        assert_ne!(seen, sent(8, config, 1_000).0);
        assert_eq!(seen.len() as u64, 1_000 - counters.lost + counters.duplicated);
        let damaged = seen
            .iter()
            .filter(|(_, psn)| *psn == Err(PacketError::Icrc))
            .count() as u64;
        assert_eq!(damaged, counters.corrupted);
        assert!(
            [
                counters.lost,
                counters.duplicated,
                counters.reordered,
                counters.corrupted
            ]
            .iter()
            .all(|n| *n > 20)
        );
        let in_order = seen.iter().filter_map(|(_, psn)| psn.ok()).is_sorted();
        assert!(!in_order);
    }

    #[test]
    fn a_link_that_goes_down_loses_what_is_under_way_and_tells_both_ends() {
        let timeline = Timeline::new(3);
        let link = Link::new(timeline.clone(), HUNDRED);
        let changes = Rc::new(RefCell::new(Vec::new()));
        for end in 0..2 {
            let log = changes.clone();
            link.port(end)
                .on_change(move |up| log.borrow_mut().push((end, up)));
        }
        link.port(1).on_receive(|_| {});
        link.port(0).transmit(ack(0));
        link.set_up(false);
        link.port(0).transmit(ack(1));
        timeline.run_for(10_000);
        link.set_up(true);
        link.port(0).transmit(ack(2));
        timeline.run_for(10_000);
        assert_eq!(changes.take(), [(0, false), (1, false), (0, true), (1, true)]);
        assert_eq!(link.port(0).counters().lost, 2);
        assert_eq!(link.port(1).counters().received_frames, 1);
    }
}
