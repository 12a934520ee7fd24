//! Sets of task offloads (rules OFL-10, OFL-11).

use super::request::{Plain, Request};
use crate::{
    adapter::{Adapter, offload::ENCAPSULATION},
    ether::offload::{Offloads, Ways},
    nt::Status,
    sys::ndis::{
        self, NDIS_OBJECT_HEADER, NDIS_OFFLOAD_ENCAPSULATION, NDIS_OFFLOAD_PARAMETERS,
        NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1,
    },
};

/// Bytes of an untagged Ethernet header.
const HEADER: u32 = 14;

/// A checksum as a set has it: unchanged, neither, sent, received, both.
fn ways(value: u8, now: Ways) -> Result<Ways, Status> {
    match value {
        0 => Ok(now),
        1..=4 => Ok(Ways::of_keyword(Some(u32::from(value) - 1))),
        _ => Err(Status::NDIS_INVALID_DATA),
    }
}

/// A large send as a set has it: unchanged, off, on.
fn large(value: u8, now: bool) -> Result<bool, Status> {
    match value {
        0 => Ok(now),
        1 => Ok(false),
        2 => Ok(true),
        _ => Err(Status::NDIS_INVALID_DATA),
    }
}

/// What a set wants, given what is on now. What the adapter does not have stays off.
fn wanted(parameters: &NDIS_OFFLOAD_PARAMETERS, now: &Offloads) -> Result<Offloads, Status> {
    // Off, or left alone: it is off.
    let others = [
        parameters.LsoV1,
        parameters.IPsecV1,
        parameters.TcpConnectionIPv4,
        parameters.TcpConnectionIPv6,
    ];
    if others.iter().any(|other| *other > 1) {
        return Err(Status::NDIS_INVALID_DATA);
    }
    Ok(Offloads {
        ipv4: ways(parameters.IPv4Checksum, now.ipv4)?,
        tcp4: ways(parameters.TCPIPv4Checksum, now.tcp4)?,
        udp4: ways(parameters.UDPIPv4Checksum, now.udp4)?,
        tcp6: ways(parameters.TCPIPv6Checksum, now.tcp6)?,
        udp6: ways(parameters.UDPIPv6Checksum, now.udp6)?,
        large4: large(parameters.LsoV2IPv4, now.large4)?,
        large6: large(parameters.LsoV2IPv6, now.large6)?,
    })
}

impl Adapter {
    /// `OID_TCP_OFFLOAD_PARAMETERS`.
    pub(super) fn set_offload_parameters(&self, request: &mut Request) -> Status {
        let length = request.input().len();
        let least = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 as usize;
        let parameters =
            match request.read_head::<NDIS_OFFLOAD_PARAMETERS>(ndis::NDIS_OBJECT_TYPE_DEFAULT, 1, least) {
                Ok(parameters) => parameters,
                Err(status) => return status,
            };
        let Some(ether) = self.ether.get() else {
            return Status::NDIS_NOT_ACCEPTED;
        };
        match wanted(&parameters, &ether.offloads()) {
            Ok(wanted) => ether.set_offloads(&wanted),
            Err(status) => return status,
        }
        self.indicate_offloads();
        request.set_supported_revision(1);
        request.took(length)
    }

    /// `OID_OFFLOAD_ENCAPSULATION`.
    pub(super) fn set_encapsulation(&self, request: &mut Request) -> Status {
        let encapsulation = match request
            .read_object::<NDIS_OFFLOAD_ENCAPSULATION>(ndis::NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1)
        {
            Ok(encapsulation) => encapsulation,
            Err(status) => return status,
        };
        let on = [encapsulation.IPv4, encapsulation.IPv6].map(|[state, kind, header]| {
            let on = state == ndis::NDIS_OFFLOAD_SET_ON;
            (
                on,
                !on || (kind & ENCAPSULATION != 0 && kind & !ENCAPSULATION == 0 && header == HEADER),
            )
        });
        if on.iter().any(|(_, possible)| !possible) {
            return Status::INVALID_PARAMETER;
        }
        if let Some(ether) = self.ether.get() {
            ether.start_offloads((on[0].0, on[1].0));
        }
        self.indicate_offloads();
        request.set_supported_revision(1);
        request.took(size_of::<NDIS_OFFLOAD_ENCAPSULATION>())
    }
}

// SAFETY: numbers only.
unsafe impl Plain for NDIS_OFFLOAD_PARAMETERS {
    fn header(&self) -> NDIS_OBJECT_HEADER {
        self.Header
    }
}

// SAFETY: numbers only.
unsafe impl Plain for NDIS_OFFLOAD_ENCAPSULATION {
    fn header(&self) -> NDIS_OBJECT_HEADER {
        self.Header
    }
}
