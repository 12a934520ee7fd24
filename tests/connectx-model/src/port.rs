//! The port: link, MTU, NIC vport context, and the cable (connectx.md sections 13 and 15).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::hw::layout::{NicVportContext, PmtuReg};

use super::event_queue::Event;
use super::{Config, Device, Phase, mac, transport};

/// Largest frame the port can be set to: 10 KiB.
const MAX_MTU: u32 = 10_240;
/// 1500 bytes of payload, 14 of header, 4 of VLAN tag, 4 of FCS.
const DEFAULT_MTU: u32 = 1522;

/// From a frame's entry into the device's switch to its arrival on the same port, in nanoseconds: less than a wire takes.
const LOOPBACK_NS: u64 = 300;

/// Subtypes of the port state event.
const SUBTYPE_DOWN: u8 = 1;
const SUBTYPE_ACTIVE: u8 = 4;

/// Where frames go that leave the port.
pub type Cable = Rc<dyn Fn(Vec<u8>)>;

/// Traffic of the port, for PPCNT and the vport counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames sent.
    pub sent_frames: u64,
    /// Bytes sent, without FCS.
    pub sent_bytes: u64,
    /// Frames taken.
    pub received_frames: u64,
    /// Bytes taken, without FCS.
    pub received_bytes: u64,
    /// Frames that arrived while the function did not take any.
    pub discarded: u64,
    /// Frames to the port's own address, which never reach the cable.
    pub looped_frames: u64,
    /// Bytes of those.
    pub looped_bytes: u64,
}

/// The port of a function.
pub(super) struct Port {
    pub(super) vport: RefCell<NicVportContext>,
    /// Lists of allowed addresses: unicast, multicast, VLAN; 8 bytes an entry.
    pub(super) allowed: RefCell<[Vec<[u8; 8]>; 3]>,
    permanent_mac: [u8; 6],
    pub(super) admin_up: Cell<bool>,
    /// PAOS admin status; the vport state's admin is apart from it.
    pub(super) vport_admin: Cell<u32>,
    carrier: Cell<bool>,
    pub(super) admin_mtu: Cell<u32>,
    pub(super) traffic: Cell<Traffic>,
    cable: RefCell<Option<Cable>>,
}

impl Port {
    pub(super) fn new(config: &Config) -> Self {
        let port = Self {
            vport: RefCell::default(),
            allowed: RefCell::default(),
            permanent_mac: config.mac,
            admin_up: Cell::new(true),
            vport_admin: Cell::new(2),
            carrier: Cell::new(false),
            admin_mtu: Cell::new(DEFAULT_MTU),
            traffic: Cell::default(),
            cable: RefCell::default(),
        };
        port.reset();
        port
    }

    /// What a function reset does to it. The cable stays plugged.
    pub(super) fn reset(&self) {
        let mut vport = NicVportContext::new();
        let (mac_high, mac_low) = mac::to_fields(self.permanent_mac);
        // EUI-64: ff fe between the halves, and the universal bit turned over.
        let halves = (
            u64::from(mac_high << 8 | mac_low >> 24),
            u64::from(mac_low & 0x00ff_ffff),
        );
        let guid = (halves.0 << 40 | 0xff_fe00_0000 | halves.1) ^ (2 << 56);
        vport
            .set_mtu(DEFAULT_MTU)
            .set_node_guid(guid)
            .set_port_guid(guid)
            .set_system_image_guid(guid);
        vport
            .permanent_address_mut()
            .set_mac_addr_47_32(mac_high)
            .set_mac_addr_31_0(mac_low);
        self.vport.replace(vport);
        self.allowed.replace(Default::default());
        self.admin_up.set(true);
        self.vport_admin.set(2);
        self.admin_mtu.set(DEFAULT_MTU);
    }

    pub(super) fn roce_enabled(&self) -> bool {
        self.vport.borrow().roce_en() != 0
    }

    /// Carrier, and nobody has switched the port off.
    pub(super) fn is_up(&self) -> bool {
        self.carrier.get() && self.admin_up.get() && self.vport_admin.get() != 0
    }

    /// PMTU as the port has it.
    pub(super) fn pmtu(&self) -> PmtuReg {
        let mut pmtu = PmtuReg::new();
        pmtu.set_local_port(1).set_max_mtu(MAX_MTU);
        pmtu.set_admin_mtu(self.admin_mtu.get())
            .set_oper_mtu(self.admin_mtu.get());
        pmtu
    }

    /// PMTU write. `false` if the port cannot do that size.
    pub(super) fn set_mtu(&self, mtu: u32) -> bool {
        let good = (64..=MAX_MTU).contains(&mtu);
        if good {
            self.admin_mtu.set(mtu);
        }
        good
    }

    fn tally(&self, change: impl FnOnce(&mut Traffic)) {
        let mut traffic = self.traffic.get();
        change(&mut traffic);
        self.traffic.set(traffic);
    }
}

impl Device {
    /// Plugs a cable into the port: frames sent by the device go to `cable`. The carrier is set apart, by
    /// [`Self::set_carrier`].
    pub fn plug(&self, cable: impl Fn(Vec<u8>) + 'static) {
        self.port.cable.replace(Some(Rc::new(cable)));
    }

    /// The link partner came or went.
    pub fn set_carrier(&self, carrier: bool) {
        self.change_port(|port| port.carrier.set(carrier));
    }

    /// The link is up.
    pub fn link_up(&self) -> bool {
        self.port.is_up()
    }

    /// The port's MAC address, as in the NIC vport context.
    pub fn mac(&self) -> [u8; 6] {
        let vport = self.port.vport.borrow();
        let address = vport.permanent_address();
        mac::from_fields(address.mac_addr_47_32(), address.mac_addr_31_0())
    }

    /// Largest frame that the port sends, with FCS.
    pub fn port_mtu(&self) -> u32 {
        self.port.admin_mtu.get()
    }

    /// Speed of the port, in bits a second.
    pub const fn port_speed(&self) -> u64 {
        self.config.gigabits as u64 * 1_000_000_000
    }

    /// What went through the port.
    pub fn traffic(&self) -> Traffic {
        self.port.traffic.get()
    }

    /// Makes a change that may bring the link up or down, and tells the driver if it did.
    pub(super) fn change_port(&self, change: impl FnOnce(&Port)) {
        let before = self.port.is_up();
        change(&self.port);
        let now = self.port.is_up();
        if before != now {
            let subtype = if now { SUBTYPE_ACTIVE } else { SUBTYPE_DOWN };
            self.raise_event(Event::Port { subtype });
        }
    }

    /// Sends a whole Ethernet frame, without FCS. Lost if the link is down, as on a real port. The device's switch keeps a frame to the
    /// port's own address inside, unless the vport context disables local loopback of unicast frames.
    pub fn send_frame(&self, frame: Vec<u8>) {
        if !self.port.is_up() {
            return;
        }
        let loops = self.port.vport.borrow().disable_uc_local_lb() == 0;
        if loops && frame.starts_with(&self.mac()) {
            return self.loop_back(frame);
        }
        let group = frame[0] & 1 != 0;
        if group && self.port.vport.borrow().disable_mc_local_lb() == 0 {
            self.loop_back(frame.clone());
        }
        self.port.tally(|traffic| {
            traffic.sent_frames += 1;
            traffic.sent_bytes += frame.len() as u64;
        });
        let cable = self.port.cable.borrow().clone();
        if let Some(cable) = cable {
            cable(frame);
        }
    }

    fn loop_back(&self, frame: Vec<u8>) {
        self.port.tally(|traffic| {
            traffic.looped_frames += 1;
            traffic.looped_bytes += frame.len() as u64;
        });
        let device = Rc::downgrade(&self.me());
        self.after(LOOPBACK_NS, move || {
            if let Some(device) = device.upgrade() {
                device.take(&frame, true);
            }
        });
    }

    /// Whether the function takes frames.
    fn takes_frames(&self) -> bool {
        self.port.is_up() && self.phase.get() == Phase::Initialized
    }

    /// A frame from outside, or one of the function's `own`. Those of RoCE are the queue pairs'; Ethernet sees the others.
    fn take(&self, frame: &[u8], own: bool) {
        if !self.takes_frames() {
            return;
        }
        if self.roce_enabled() && self.is_roce(frame) {
            transport::receive(&self.me(), frame);
        } else {
            self.nic_receive(frame, own);
        }
    }

    /// A frame arrives from the cable, without FCS. Call it from an event, never from inside [`Self::send_frame`].
    pub fn deliver_frame(&self, frame: &[u8]) {
        let taken = self.takes_frames();
        self.port.tally(|traffic| {
            if taken {
                traffic.received_frames += 1;
                traffic.received_bytes += frame.len() as u64;
            } else {
                traffic.discarded += 1;
            }
        });
        self.take(frame, false);
    }
}
