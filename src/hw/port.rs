//! The port: whether it is up, and how fast.

use super::{
    command::Commander,
    commands::{
        register::{read_pmtu, read_ptys, write_pmtu},
        vport::{QueryVportState, SetVportMtu},
    },
    error::{HwError, Lie},
    layout::PtysReg,
};
use crate::nt::Passive;

/// Bytes by which the device's MTU exceeds that of IP: Ethernet header, VLAN tag, checksum.
pub const FRAME_OVERHEAD: u32 = 22;

/// IP packets of this many bytes pass on every Ethernet.
const LEAST_MTU: u32 = 1500;

/// Bits per second of the link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Speed(pub u64);

/// State of the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortState {
    /// Frames pass.
    pub up: bool,
    /// Speed of the link, when it is up and known.
    pub speed: Option<Speed>,
    /// The fastest that the port can do, when it is known, whatever the link does now.
    pub max_speed: Option<Speed>,
}

impl PortState {
    /// What is assumed before the device said anything.
    pub const DOWN: Self = Self {
        up: false,
        speed: None,
        max_speed: None,
    };

    /// Asks the device.
    pub(super) fn query(commander: &Commander, passive: Passive<'_>) -> Result<Self, HwError> {
        let up = commander.execute(&QueryVportState {}, passive)?;
        // Ports of virtual functions may not say their speed.
        let ptys = commander.execute(&read_ptys(), passive).ok();
        Ok(Self {
            up,
            speed: ptys.as_ref().and_then(speed).filter(|_| up),
            max_speed: ptys.as_ref().and_then(max_speed),
        })
    }
}

/// Gbit/s of the legacy link modes by their bits.
const LEGACY: [u64; 32] = [
    1, 1, 10, 10, 40, 40, 20, 56, 56, 0, 0, 0, 10, 10, 10, 40, 40, 50, 0, 0, 100, 100, 100, 100, 0, 1, 10,
    25, 25, 25, 50, 50,
];
/// Gbit/s of the extended link modes by their bits.
const EXTENDED: [u64; 21] = [
    0, 1, 5, 10, 40, 25, 50, 50, 100, 100, 100, 200, 200, 200, 400, 400, 400, 800, 800, 1600, 0,
];

/// The speed that the operational link modes stand for: the fastest of them.
pub fn speed(register: &PtysReg) -> Option<Speed> {
    fastest(register.eth_proto_oper(), register.ext_eth_proto_oper())
}

/// The same of the link modes that the port is capable of.
pub fn max_speed(register: &PtysReg) -> Option<Speed> {
    fastest(
        register.eth_proto_capability(),
        register.ext_eth_proto_capability(),
    )
}

fn fastest(legacy: u32, extended: u32) -> Option<Speed> {
    let of = |table: &[u64], modes: u32| {
        table
            .iter()
            .enumerate()
            .filter(|(bit, _)| modes >> bit & 1 != 0)
            .map(|(_, gbit)| *gbit)
            .max()
    };
    let gbit = of(&LEGACY, legacy)
        .max(of(&EXTENDED, extended))
        .filter(|gbit| *gbit != 0)?;
    Some(Speed(gbit * 1_000_000_000))
}

/// Makes the port carry IP packets of `ip_mtu` bytes, as far as it can. Returns what it carries.
pub(super) fn set_mtu(commander: &Commander, ip_mtu: u32, passive: Passive<'_>) -> Result<u32, HwError> {
    let limits = commander.execute(&read_pmtu(), passive)?;
    if limits.max_mtu() < LEAST_MTU + FRAME_OVERHEAD {
        return Err(Lie::Register("port MTU").into());
    }
    let mtu = (ip_mtu + FRAME_OVERHEAD).min(limits.max_mtu());
    commander.execute(&write_pmtu(mtu), passive)?;
    commander.execute(&SetVportMtu { mtu }, passive)?;
    let now = commander.execute(&read_pmtu(), passive)?.oper_mtu();
    if now < mtu.min(LEAST_MTU + FRAME_OVERHEAD) {
        return Err(Lie::Register("port MTU").into());
    }
    Ok(now - FRAME_OVERHEAD)
}
