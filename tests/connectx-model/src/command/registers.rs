//! `ACCESS_REG`: port and device registers (connectx.md section 15).

use cxndk::hw::layout::{DtorReg, PaosReg, PmtuReg, PpcntReg, PtysReg, RegisterHostEndianness};

use super::status::{Outcome, Status};
use super::table::{Request, success};
use crate::Device;

const PMTU: u32 = 0x5003;
const PTYS: u32 = 0x5004;
const PAOS: u32 = 0x5006;
const PPCNT: u32 = 0x5008;
const NODE_DESC: u32 = 0x6001;
const HOST_ENDIANNESS: u32 = 0x7004;
const DTOR: u32 = 0xc00e;

const UP: u32 = 1;
const DOWN: u32 = 2;
/// PTYS `proto_mask`: Ethernet.
const PROTO_ETHERNET: u32 = 4;
/// Counter groups of PPCNT.
const GROUP_802_3: u32 = 0x00;
const GROUP_RFC_2863: u32 = 0x01;
/// Groups that exist but count nothing here.
const SILENT_GROUPS: [u32; 5] = [0x02, 0x03, 0x05, 0x10, 0x12];

/// Legacy link modes of PTYS by speed in Gbit/s: copper, backplane and optical variants of each.
const LINK_MODES: [(u32, u32); 5] = [
    (10, 0x0000_7000),
    (25, 0x3800_0000),
    (40, 0x0000_80c0),
    (50, 0xc000_0000),
    (100, 0x00f0_0000),
];

struct Access<'a> {
    read: bool,
    data: &'a [u8],
}

impl Access<'_> {
    /// The register image, padded to what the layout needs.
    fn image<const N: usize>(&self) -> [u8; N] {
        let mut image = [0; N];
        let length = self.data.len().min(N);
        image[..length].copy_from_slice(&self.data[..length]);
        image
    }
}

pub(super) fn access(device: &Device, request: &Request<'_>) -> Outcome {
    let access = Access {
        read: match request.op_mod {
            0 => false,
            1 => true,
            _ => return Err(Status::BadParameter.into()),
        },
        data: request.input.get(16..).unwrap_or_default(),
    };
    let image = match request.dword(8) {
        NODE_DESC => node_description(device, &access)?,
        HOST_ENDIANNESS => host_endianness(device, &access)?,
        PMTU => pmtu(device, &access)?,
        PTYS => ptys(device, &access)?,
        PAOS => paos(device, &access)?,
        PPCNT => ppcnt(device, &access)?,
        DTOR if device.config.command_timeout_ms.is_some() && access.read => timeouts(),
        _ => return Err(Status::BadParameter.into()),
    };
    // The register travels whole in both directions.
    if access.data.len() < image.len() {
        return Err(Status::BadInputLength.into());
    }
    if request.output < 16 + image.len() {
        return Err(Status::BadOutputLength.into());
    }
    let mut out = success(16);
    out.extend(image);
    Ok(out)
}

/// Byte 1 of most port registers; there is one port.
fn own_port(access: &Access<'_>) -> Result<(), Status> {
    if access.data.get(1) == Some(&1) {
        Ok(())
    } else {
        Err(Status::BadParameter)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all registers")]
fn node_description(device: &Device, access: &Access<'_>) -> Result<Vec<u8>, Status> {
    if !access.read {
        device.node_description.replace(access.image::<64>());
    }
    Ok(device.node_description.borrow().to_vec())
}

fn host_endianness(device: &Device, access: &Access<'_>) -> Result<Vec<u8>, Status> {
    let image = access.image::<16>();
    let register = RegisterHostEndianness::from_bytes(&image).ok_or(Status::InternalError)?;
    if !access.read {
        device.big_endian_host.set(register.he() != 0);
    }
    let mut out = RegisterHostEndianness::new();
    out.set_he(u32::from(device.big_endian_host.get()));
    Ok(out.as_bytes().to_vec())
}

fn pmtu(device: &Device, access: &Access<'_>) -> Result<Vec<u8>, Status> {
    own_port(access)?;
    let image = access.image::<{ PmtuReg::SIZE }>();
    let register = PmtuReg::from_bytes(&image).ok_or(Status::InternalError)?;
    if !access.read && !device.port.set_mtu(register.admin_mtu()) {
        return Err(Status::BadParameter);
    }
    Ok(device.port.pmtu().as_bytes().to_vec())
}

fn ptys(device: &Device, access: &Access<'_>) -> Result<Vec<u8>, Status> {
    own_port(access)?;
    let image = access.image::<{ PtysReg::SIZE }>();
    let register = PtysReg::from_bytes(&image).ok_or(Status::InternalError)?;
    if register.proto_mask() != PROTO_ETHERNET {
        return Err(Status::BadParameter);
    }
    let speed = device.config.gigabits;
    let capable = LINK_MODES
        .iter()
        .filter(|(gigabits, _)| *gigabits <= speed)
        .fold(0, |sum, (_, modes)| sum | modes);
    let own = LINK_MODES
        .iter()
        .find(|(gigabits, _)| *gigabits == speed)
        .map_or(0, |(_, modes)| *modes);
    if !access.read {
        let admin = register.eth_proto_admin();
        if admin & !capable != 0 || admin & own == 0 {
            // The cable is what it is: the model's link cannot come up at another speed.
            return Err(Status::BadParameter);
        }
        device.link_modes.set(admin);
    }
    let admin = match device.link_modes.get() {
        0 => capable,
        chosen => chosen,
    };
    let mut out = PtysReg::new();
    out.set_local_port(1).set_proto_mask(PROTO_ETHERNET);
    out.set_eth_proto_capability(capable).set_eth_proto_admin(admin);
    // One mode is in use: the lowest bit of those of the speed.
    out.set_eth_proto_oper(if device.port.is_up() {
        own & own.wrapping_neg()
    } else {
        0
    });
    out.set_data_rate_oper(speed * 10);
    Ok(out.as_bytes().to_vec())
}

fn paos(device: &Device, access: &Access<'_>) -> Result<Vec<u8>, Status> {
    own_port(access)?;
    let image = access.image::<{ PaosReg::SIZE }>();
    let register = PaosReg::from_bytes(&image).ok_or(Status::InternalError)?;
    if !access.read {
        // Without ase, admin_status is not written.
        let admin = register.admin_status();
        if register.ase() != 0 && !matches!(admin, UP | DOWN) {
            return Err(Status::BadParameter);
        }
        if register.ase() != 0 {
            device.change_port(|port| port.admin_up.set(admin == UP));
        }
    }
    let mut out = PaosReg::new();
    out.set_local_port(1)
        .set_admin_status(if device.port.admin_up.get() { UP } else { DOWN });
    out.set_oper_status(if device.port.is_up() { UP } else { DOWN });
    Ok(out.as_bytes().to_vec())
}

fn ppcnt(device: &Device, access: &Access<'_>) -> Result<Vec<u8>, Status> {
    own_port(access)?;
    let mut image = access.image::<{ PpcntReg::SIZE }>();
    let register = PpcntReg::from_bytes_mut(&mut image).ok_or(Status::InternalError)?;
    let (group, clear) = (register.grp(), register.clr() != 0);
    let traffic = device.traffic();
    let values: &[(usize, u64)] = match group {
        GROUP_802_3 => &[
            (0x00, traffic.sent_frames),
            (0x08, traffic.received_frames),
            (0x20, traffic.sent_bytes),
            (0x28, traffic.received_bytes),
        ],
        GROUP_RFC_2863 => &[
            (0x00, traffic.received_bytes),
            (0x08, traffic.received_frames),
            (0x10, traffic.discarded),
            (0x28, traffic.sent_bytes),
            (0x30, traffic.sent_frames),
        ],
        silent if SILENT_GROUPS.contains(&silent) => &[],
        _ => return Err(Status::BadParameter),
    };
    let mut counters = [0; 248];
    for (at, value) in values {
        counters[*at..*at + 8].copy_from_slice(&value.to_be_bytes());
    }
    register.set_counter_set(&counters);
    if clear {
        device.port.traffic.take();
    }
    Ok(image.to_vec())
}

/// Timeouts in units of a second, by offset in the register.
fn timeouts() -> Vec<u8> {
    let mut image = *DtorReg::new().as_bytes();
    let seconds = [
        (0x04, 2),
        (0x14, 2),
        (0x18, 60),
        (0x1c, 60),
        (0x20, 2),
        (0x28, 3),
        (0x30, 5),
        (0x34, 120),
        (0x38, 300),
    ];
    for (at, value) in seconds {
        image[at..at + 4].copy_from_slice(&(1_u32 << 29 | value).to_be_bytes());
    }
    image.to_vec()
}
