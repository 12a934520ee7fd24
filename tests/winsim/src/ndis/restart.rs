//! The restart of an adapter: from Paused to Running.

use std::ptr;

use cxndk::sys::ndis::{
    NDIS_MINIPORT_RESTART_PARAMETERS, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RESTART_ATTRIBUTES, NDIS_STATUS,
    NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_DATA, NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_INVALID_OID,
    NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_SUCCESS,
};

use super::adapter::{AdapterState, State};
use super::flow::{LOOKAHEAD, MULTICAST_LIST, PACKET_FILTER, header};
use super::kernel;
use super::personality::LastProtocol;
use crate::sim::{self, Stream};

/// `OID_GEN_MINIPORT_RESTART_ATTRIBUTES`: the entry with `NDIS_RESTART_GENERAL_ATTRIBUTES`.
const GENERAL: u32 = 0x0001_021d;
/// `NDIS_OBJECT_TYPE_RESTART_GENERAL_ATTRIBUTES`.
const GENERAL_TYPE: u8 = 0xa2;
/// Size of `NDIS_RESTART_GENERAL_ATTRIBUTES`, revision 1.
const GENERAL_SIZE: u8 = 88;
/// Where its data begin in an entry, and in those data the largest payload.
const DATA: usize = std::mem::offset_of!(NDIS_RESTART_ATTRIBUTES, Data);
const MTU: usize = DATA + 4;

/// `OID_OFFLOAD_ENCAPSULATION`.
const OFFLOAD_ENCAPSULATION: u32 = 0x0101_010a;
/// How a miniport refuses what cannot be set.
const BAD_VALUE: [NDIS_STATUS; 4] = [
    NDIS_STATUS_INVALID_DATA,
    NDIS_STATUS_INVALID_LENGTH,
    NDIS_STATUS_INVALID_OID,
    NDIS_STATUS_NOT_SUPPORTED,
];

/// The list of attributes that a miniport may change at a restart: one entry.
struct Attributes(Vec<u128>);

impl Attributes {
    fn new(mtu: u32) -> Self {
        let mut list = Self(vec![0; (DATA + usize::from(GENERAL_SIZE)).div_ceil(16)]);
        let entry = NDIS_RESTART_ATTRIBUTES {
            Next: ptr::null_mut(),
            Oid: GENERAL,
            DataLength: GENERAL_SIZE.into(),
            Data: [GENERAL_TYPE],
        };
        // SAFETY: there is room for an entry, and more.
        unsafe { list.as_mut_ptr().write(entry) };
        list.bytes_mut()[DATA + 1..DATA + 4].copy_from_slice(&[1, GENERAL_SIZE, 0]);
        list.bytes_mut()[MTU..MTU + 4].copy_from_slice(&mtu.to_le_bytes());
        list
    }

    fn as_mut_ptr(&mut self) -> *mut NDIS_RESTART_ATTRIBUTES {
        self.0.as_mut_ptr().cast()
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: words are bytes.
        unsafe { self.0.align_to::<u8>() }.1
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: words are bytes, and any bytes are words.
        unsafe { self.0.align_to_mut::<u8>() }.1
    }

    /// RESTART-03: a restart that fails leaves them as they are; one that succeeds may change what the entry says, and add others, but
    /// not what the entry is.
    fn expect_kept(&self, before: &[u8], failed: bool, name: &str) {
        let kept = if failed { before.len() } else { MTU };
        // Others are added behind it.
        let from = if failed {
            0
        } else {
            size_of::<*mut NDIS_RESTART_ATTRIBUTES>()
        };
        if self.bytes()[from..kept] != before[from..kept] {
            sim::fail(
                "RESTART-03",
                format!("{name}: the restart attributes are not what they were (failed: {failed})"),
            );
        }
    }
}

impl AdapterState {
    pub(super) fn restart(&self) -> NDIS_STATUS {
        self.expect("STATE-01", "MiniportRestart", &[State::Paused]);
        let logged = self.log.borrow().len();
        self.begin(State::Restarting);
        let status = self.call_restart();
        if status != NDIS_STATUS_SUCCESS {
            if self.log.borrow().len() == logged {
                sim::fail(
                    "RESTART-01",
                    format!("{}: Restart failed without an event log entry", self.name),
                );
            }
            self.state.set(State::Paused);
            return status;
        }
        self.state.set(State::Running);
        self.configure();
        status
    }

    /// With attributes to look at, or with none.
    fn call_restart(&self) -> NDIS_STATUS {
        let mtu = self
            .attributes
            .general
            .borrow()
            .as_ref()
            .map_or(0, |general| general.mtu);
        let mut attributes = Attributes::new(mtu);
        let before = attributes.bytes().to_vec();
        let shown = sim::choose(Stream::Ndis, 2) == 0;
        let mut parameters = NDIS_MINIPORT_RESTART_PARAMETERS {
            Header: header(NDIS_OBJECT_TYPE_DEFAULT, 0x14),
            RestartAttributes: if shown {
                attributes.as_mut_ptr()
            } else {
                ptr::null_mut()
            },
            Flags: 0,
        };
        let handler = self.driver.characteristics.RestartHandler;
        let _deadline = self.within("RESTART-01", "MiniportRestart");
        // SAFETY: the driver registered the handler; the parameters live until it returns, and longer.
        let status = handler.map_or(NDIS_STATUS_FAILURE, |f| unsafe {
            f(self.context(), &raw mut parameters)
        });
        kernel::expect_clean("MiniportRestart");
        let status = self.finish("MiniportRestart", status);
        attributes.expect_kept(&before, status != NDIS_STATUS_SUCCESS, &self.name);
        status
    }

    /// Nobody wants frames any more: the filter is set to nothing, if NDIS is one that does, and the adapter was ever told of another.
    pub(super) fn last_protocol_left(&self) {
        let clears = self.personality.get().last_protocol == LastProtocol::ClearsFilter;
        if !clears || !self.filter_set.replace(false) {
            return;
        }
        // A device that broke may refuse; that nobody wants frames is no bad value (OID-02).
        let result = self.oid(false, true, PACKET_FILTER, &mut [0; 4]);
        let refused = result.err().filter(|error| BAD_VALUE.contains(&error.status));
        if let Some(error) = refused {
            sim::fail(
                "OID-02",
                format!("{}: packet filter 0 is refused: {:#x}", self.name, error.status),
            );
        }
    }

    /// What NDIS and the protocols set when data starts to move.
    fn configure(&self) {
        let set = |oid: u32, bytes: &mut [u8]| match self.oid(false, true, oid, bytes) {
            Ok(_) => true,
            // A device that broke may refuse.
            Err(error) if !BAD_VALUE.contains(&error.status) => false,
            Err(error) => sim::fail(
                "OID-02",
                format!("{}: OID {oid:#x} at start: {:#x}", self.name, error.status),
            ),
        };
        // The protocols want 256 bytes, all that there is, or do not say.
        let most = self
            .attributes
            .general
            .borrow()
            .as_ref()
            .map_or(256, |general| general.lookahead);
        let wanted = [Some(256), Some(most), None][sim::choose(Stream::Ndis, 3) as usize];
        if let Some(bytes) = wanted {
            set(LOOKAHEAD, &mut bytes.to_le_bytes());
        }
        if self.attributes.offloads.get() {
            // TCP/IP takes Ethernet frames of both versions of IP.
            let mut encapsulation = vec![0xa8, 1, 28, 0];
            for word in [1_u32, 2, 14, 1, 2, 14] {
                encapsulation.extend(word.to_le_bytes());
            }
            set(OFFLOAD_ENCAPSULATION, &mut encapsulation);
        }
        set(MULTICAST_LIST, &mut [0x01, 0x00, 0x5e, 0, 0, 1]);
        self.filter_set.set(true);
        if !set(PACKET_FILTER, &mut 0xb_u32.to_le_bytes()) {
            self.filter_set.set(false);
        }
    }
}
