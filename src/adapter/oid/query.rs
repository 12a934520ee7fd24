//! Queries that are answered without the device.

use super::{Adapter, Job, MAX_MULTICAST, Outcome, SUPPORTED, lists, request::Request, request::bytes_of};
use crate::{
    adapter::version::{DRIVER_MAJOR, DRIVER_MINOR, NDIS_MAJOR, NDIS_MINOR},
    nt::{Status, sync::Ordering},
    sys::ndis::{
        self, NDIS_INTERRUPT_MODERATION_PARAMETERS, NDIS_INTERRUPT_MODERATION_PARAMETERS_REVISION_1,
        NDIS_LINK_PARAMETERS, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT,
        NdisInterruptModerationNotSupported,
    },
};

/// What the adapter calls itself.
pub(super) const DESCRIPTION: &[u8] = b"cxndk Network Direct adapter for ConnectX\0";

impl Adapter {
    /// Answers a query, or says that it needs the device.
    pub(super) fn query(&self, request: &mut Request) -> Outcome {
        let status = match request.oid() {
            ndis::OID_GEN_STATISTICS | ndis::OID_GEN_RCV_OK | ndis::OID_GEN_XMIT_OK => {
                return Outcome::NeedsDevice(Job::Count);
            }
            ndis::OID_GEN_INTERRUPT_MODERATION => query_interrupt_moderation(request),
            ndis::OID_GEN_LINK_PARAMETERS => self.query_link_parameters(request),
            ndis::OID_GEN_VENDOR_DESCRIPTION => request.reply(DESCRIPTION),
            ndis::OID_802_3_PERMANENT_ADDRESS => request.reply(&self.permanent_address()),
            ndis::OID_802_3_CURRENT_ADDRESS => request.reply(&self.station_address()),
            ndis::OID_PNP_QUERY_POWER => Status::SUCCESS,
            ndis::OID_NDK_CONNECTIONS => lists::connections(self, request),
            ndis::OID_NDK_LOCAL_ENDPOINTS => lists::local_endpoints(self, request),
            ndis::OID_GEN_DRIVER_VERSION => request.reply(&[NDIS_MINOR, NDIS_MAJOR]),
            oid => match self.number(oid) {
                Some(value) => request.reply_u32(value),
                // What can only be set.
                None if SUPPORTED.contains(&oid) => Status::NDIS_INVALID_OID,
                None => Status::NOT_SUPPORTED,
            },
        };
        Outcome::Done(status)
    }

    /// OIDs that are one number of 32 bits.
    fn number(&self, oid: u32) -> Option<u32> {
        let mtu = self.keywords().mtu;
        let frame = mtu + super::super::keywords::ETHERNET_HEADER;
        let [first, second, third, ..] = self.permanent_address();
        Some(match oid {
            ndis::OID_GEN_MAXIMUM_FRAME_SIZE => mtu,
            ndis::OID_GEN_CURRENT_LOOKAHEAD => match self.lookahead.load(Ordering::Relaxed) {
                0 => mtu,
                set => set,
            },
            ndis::OID_GEN_MAXIMUM_TOTAL_SIZE
            | ndis::OID_GEN_RECEIVE_BLOCK_SIZE
            | ndis::OID_GEN_TRANSMIT_BLOCK_SIZE
            | ndis::OID_GEN_RECEIVE_BUFFER_SPACE
            | ndis::OID_GEN_TRANSMIT_BUFFER_SPACE => frame,
            ndis::OID_GEN_VENDOR_ID => u32::from_le_bytes([first, second, third, 0]),
            ndis::OID_GEN_VENDOR_DRIVER_VERSION => u32::from(DRIVER_MAJOR) << 16 | u32::from(DRIVER_MINOR),
            ndis::OID_GEN_CURRENT_PACKET_FILTER => self.ether.get().map_or(0, |ether| ether.wanted().filter),
            ndis::OID_802_3_MAXIMUM_LIST_SIZE => MAX_MULTICAST as u32,
            _ => return None,
        })
    }

    fn query_link_parameters(&self, request: &mut Request) -> Status {
        let link = self.port_link();
        let mut parameters = NDIS_LINK_PARAMETERS {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
                Revision: ndis::NDIS_LINK_STATE_REVISION_1 as u8,
                Size: size_of::<NDIS_LINK_PARAMETERS>() as u16,
            },
            MediaDuplexState: link.duplex(),
            XmitLinkSpeed: link.speed,
            RcvLinkSpeed: link.speed,
            PauseFunctions: ndis::NdisPauseFunctionsUnknown,
            AutoNegotiationFlags: super::super::link::AUTO_NEGOTIATED,
        };
        parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT as u8;
        // SAFETY: the fields leave no gap: 4, 4, 8, 8, 4 and 4 bytes.
        request.reply(unsafe { bytes_of(&parameters) })
    }
}

/// Completions are moderated by their consumers; there is no moderation of the whole adapter.
fn query_interrupt_moderation(request: &mut Request) -> Status {
    let parameters = NDIS_INTERRUPT_MODERATION_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
            Revision: NDIS_INTERRUPT_MODERATION_PARAMETERS_REVISION_1 as u8,
            Size: size_of::<NDIS_INTERRUPT_MODERATION_PARAMETERS>() as u16,
        },
        Flags: 0,
        InterruptModeration: NdisInterruptModerationNotSupported,
    };
    // SAFETY: three fields of 4 bytes each.
    request.reply(unsafe { bytes_of(&parameters) })
}
