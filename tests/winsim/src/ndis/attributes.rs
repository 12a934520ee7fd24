//! `NdisMSetMiniportAttributes`: what a miniport tells about itself, in the order that it has to.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::{
    MediaConnectStateConnected, NDIS_HANDLE, NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
    NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES, NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES,
    NDIS_NDK_CAPABILITIES, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
    NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES,
    NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
    NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
    NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES, NDIS_OBJECT_TYPE_OFFLOAD, NDIS_OFFLOAD,
    NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3, NDIS_STATUS, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_INVALID_PARAMETER,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NdisInterfacePci,
};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::table;
use crate::sim::{self, faults};

/// `NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE`.
const HARDWARE_DEVICE: u32 = 0x1;
/// `NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER`.
pub(super) const BUS_MASTER: u32 = 0x40;
/// `NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA`, `_TRANSFERS_NOT_PEND` and `_8021P_PRIORITY`, which ATTR-05 asks for.
const MAC_OPTIONS: u32 = 0x1 | 0x4 | 0x40;

/// What the general attributes say, as far as NDIS and tests need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct General {
    /// Bytes above the Ethernet header.
    pub mtu: u32,
    /// Bits per second.
    pub speed: u64,
    /// The most that the port can do, in bits per second.
    pub max_speed: u64,
    /// Bytes of a frame, its header apart, that the driver can show.
    pub lookahead: u32,
    /// Whether there is a link.
    pub connected: bool,
    /// Station address in the hardware.
    pub permanent_mac: [u8; 6],
    /// Station address in use.
    pub current_mac: [u8; 6],
    /// The OIDs that the driver says it handles.
    pub oids: Vec<u32>,
}

/// What one adapter has told.
#[derive(Default)]
pub(super) struct Attributes {
    /// `MiniportAddDeviceContext`.
    pub(super) add_device_context: Cell<*mut c_void>,
    /// `MiniportAdapterContext`.
    pub(super) context: Cell<*mut c_void>,
    pub(super) registered: Cell<bool>,
    /// There are task offloads.
    pub(super) offloads: Cell<bool>,
    pub(super) flags: Cell<u32>,
    pub(super) general: RefCell<Option<General>>,
    pub(super) ndk: Cell<Option<bool>>,
    pub(super) ndk_capabilities: Cell<Option<NDIS_NDK_CAPABILITIES>>,
}

impl Attributes {
    /// Forgets all but the `AddDevice` context: the adapter is halted.
    pub(super) fn clear(&self) {
        self.context.set(ptr::null_mut());
        self.registered.set(false);
        self.offloads.set(false);
        self.flags.set(0);
        self.general.replace(None);
        self.ndk.set(None);
        self.ndk_capabilities.set(None);
    }
}

/// `NdisMSetMiniportAttributes`.
///
/// # Safety
/// `attributes` points to the structure that its header names.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMSetMiniportAttributes(
    handle: NDIS_HANDLE,
    attributes: *mut c_void,
) -> NDIS_STATUS {
    let ddi = "NdisMSetMiniportAttributes";
    kernel::enter(ddi, Level::Passive);
    let adapter = table::adapter(handle, ddi);
    // SAFETY: the caller passes one of the attribute structures, all of which begin with a header.
    let header = unsafe { attributes.cast::<NDIS_OBJECT_HEADER>().read() };
    if faults::fire("NdisMSetMiniportAttributes") {
        return NDIS_STATUS_RESOURCES;
    }
    match u32::from(header.Type) {
        NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES => {
            // SAFETY: the header says so.
            let given = unsafe {
                attributes
                    .cast::<NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES>()
                    .read_unaligned()
            };
            adapter.expect("STATE-01", ddi, &[State::Halted]);
            adapter
                .attributes
                .add_device_context
                .set(given.MiniportAddDeviceContext);
            NDIS_STATUS_SUCCESS
        }
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES => {
            // SAFETY: the header says so.
            let given = unsafe {
                attributes
                    .cast::<NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES>()
                    .read_unaligned()
            };
            registration(&adapter, header, &given)
        }
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES => {
            // SAFETY: the header says so.
            let given = unsafe { &*attributes.cast::<NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES>() };
            expect_after_registration(&adapter, "general");
            // SAFETY: `given` is what the caller passed.
            unsafe { general(&adapter, header, given) }
        }
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES => {
            // SAFETY: the header says so.
            let given = unsafe {
                attributes
                    .cast::<NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES>()
                    .read_unaligned()
            };
            expect_after_general(&adapter, "NDK");
            // SAFETY: `given` is what the caller passed.
            unsafe { ndk(&adapter, header, &given) }
        }
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES => {
            expect_after_general(&adapter, "offload");
            // SAFETY: the header says what follows.
            unsafe { offload(&adapter, attributes) };
            NDIS_STATUS_SUCCESS
        }
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES => {
            expect_after_general(&adapter, "hardware assist");
            NDIS_STATUS_SUCCESS
        }
        _ => NDIS_STATUS_INVALID_PARAMETER,
    }
}

/// ATTR-06: what is on, and what can be, of which that is a part.
///
/// # Safety
/// `given` leads to offload attributes.
unsafe fn offload(adapter: &AdapterState, given: *mut c_void) {
    // SAFETY: the caller's attributes.
    let given = unsafe {
        given
            .cast::<NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES>()
            .read_unaligned()
    };
    let read = |offload: *mut NDIS_OFFLOAD| {
        // SAFETY: NULL, or as much as its header says, which is more than the two parts that are read.
        let seen = unsafe { offload.as_ref() };
        let seen = seen.filter(|seen| {
            u32::from(seen.Header.Type) == NDIS_OBJECT_TYPE_OFFLOAD
                && u32::from(seen.Header.Size) >= NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3
        });
        let Some(seen) = seen else {
            sim::fail(
                "ATTR-06",
                format!("{}: offload attributes without descriptions", adapter.name),
            );
        };
        let (sums, large) = (&seen.Checksum, &seen.LsoV2);
        [
            &sums.IPv4Transmit[..],
            &sums.IPv4Receive,
            &sums.IPv6Transmit,
            &sums.IPv6Receive,
            &large.IPv4[..2],
            &large.IPv6[..2],
        ]
        .concat()
    };
    let (now, most) = (
        read(given.DefaultOffloadConfiguration),
        read(given.HardwareOffloadCapabilities),
    );
    if now.iter().zip(&most).any(|(now, most)| now & !most != 0) {
        sim::fail(
            "ATTR-06",
            format!("{}: offloads are on that the hardware has not", adapter.name),
        );
    }
    adapter.attributes.offloads.set(true);
}

fn expect_after_registration(adapter: &AdapterState, what: &str) {
    adapter.expect("VRF-41", "NdisMSetMiniportAttributes", &[State::Initializing]);
    if !adapter.attributes.registered.get() {
        sim::fail(
            "VRF-41",
            format!(
                "{}: {what} attributes before the registration attributes",
                adapter.name
            ),
        );
    }
}

fn expect_after_general(adapter: &AdapterState, what: &str) {
    expect_after_registration(adapter, what);
    if adapter.attributes.general.borrow().is_none() {
        sim::fail(
            "VRF-41",
            format!(
                "{}: {what} attributes before the general attributes",
                adapter.name
            ),
        );
    }
}

fn registration(
    adapter: &AdapterState,
    header: NDIS_OBJECT_HEADER,
    given: &NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
) -> NDIS_STATUS {
    adapter.expect("VRF-41", "NdisMSetMiniportAttributes", &[State::Initializing]);
    let attributes = &adapter.attributes;
    if attributes.registered.get() {
        sim::fail(
            "VRF-41",
            format!("{}: registration attributes set twice", adapter.name),
        );
    }
    if header.Revision < 2 || header.Size < 28 {
        return NDIS_STATUS_BAD_VERSION;
    }
    if !given.CheckForHangTimeInSeconds.is_multiple_of(2) || given.InterfaceType != NdisInterfacePci {
        sim::fail(
            "ATTR-01",
            format!(
                "{}: CheckForHangTimeInSeconds odd or interface not PCI",
                adapter.name
            ),
        );
    }
    if given.AttributeFlags & (HARDWARE_DEVICE | BUS_MASTER) != HARDWARE_DEVICE | BUS_MASTER {
        sim::fail(
            "ATTR-02",
            format!(
                "{}: flags {:#x} of a PCI device",
                adapter.name, given.AttributeFlags
            ),
        );
    }
    attributes.context.set(given.MiniportAdapterContext);
    attributes.flags.set(given.AttributeFlags);
    attributes.registered.set(true);
    NDIS_STATUS_SUCCESS
}

/// # Safety
/// The pointers in `given` are good for what it says of them.
unsafe fn general(
    adapter: &AdapterState,
    header: NDIS_OBJECT_HEADER,
    given: &NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
) -> NDIS_STATUS {
    if header.Revision < 2 || usize::from(header.Size) < size_of::<NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES>()
    {
        return NDIS_STATUS_BAD_VERSION;
    }
    if let Some(wrong) = wrong_in(given) {
        sim::fail(
            "ATTR-03",
            format!("{}: {wrong} in the general attributes", adapter.name),
        );
    }
    if given.MacOptions & MAC_OPTIONS != MAC_OPTIONS {
        sim::fail(
            "ATTR-05",
            format!("{}: MacOptions {:#x}", adapter.name, given.MacOptions),
        );
    }
    let count = given.SupportedOidListLength as usize / 4;
    // SAFETY: the caller says how long the list is; it was checked not to be null.
    let oids = unsafe { std::slice::from_raw_parts(given.SupportedOidList, count) }.to_vec();
    let mac = |bytes: &[u8; 32]| bytes.first_chunk::<6>().copied().unwrap_or_default();
    adapter.attributes.general.replace(Some(General {
        mtu: given.MtuSize,
        speed: given.XmitLinkSpeed,
        max_speed: given.MaxXmitLinkSpeed,
        lookahead: given.LookaheadSize,
        connected: given.MediaConnectState == MediaConnectStateConnected,
        permanent_mac: mac(&given.PermanentMacAddress),
        current_mac: mac(&given.CurrentMacAddress),
        oids,
    }));
    NDIS_STATUS_SUCCESS
}

/// What of ATTR-03 the attributes break.
fn wrong_in(given: &NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES) -> Option<&'static str> {
    let checks = [
        (given.MediaType != 0, "MediaType"),
        (given.PhysicalMediumType != 14, "PhysicalMediumType"),
        (given.MtuSize < 1500, "MtuSize"),
        (
            given.MaxXmitLinkSpeed == 0 || given.MaxRcvLinkSpeed == 0,
            "a maximum link speed",
        ),
        (given.LookaheadSize == 0, "LookaheadSize"),
        (given.MaxMulticastListSize < 32, "MaxMulticastListSize"),
        (given.MacAddressLength != 6, "MacAddressLength"),
        (
            given.PermanentMacAddress[..6] == [0; 6] || given.PermanentMacAddress[0] & 1 != 0,
            "PermanentMacAddress",
        ),
        (
            given.CurrentMacAddress[..6] == [0; 6] || given.CurrentMacAddress[0] & 1 != 0,
            "CurrentMacAddress",
        ),
        (given.IfType != 6, "IfType"),
        (given.IfConnectorPresent != 1, "IfConnectorPresent"),
        (
            given.SupportedOidList.is_null() || !given.SupportedOidListLength.is_multiple_of(4),
            "SupportedOidList",
        ),
        (
            given.PowerManagementCapabilitiesEx.is_null(),
            "PowerManagementCapabilitiesEx",
        ),
    ];
    checks.iter().find(|(wrong, _)| *wrong).map(|(_, what)| *what)
}

/// The counters of Network Direct by their index: 0 to 4 and 25 to 29 (ADAPTER-43).
const NDK_COUNTERS: u64 = 0x1f | 0x1f << 25;

/// # Safety
/// The capabilities pointer in `given` is good.
unsafe fn ndk(
    adapter: &AdapterState,
    header: NDIS_OBJECT_HEADER,
    given: &NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
) -> NDIS_STATUS {
    if header.Revision < 1 || usize::from(header.Size) < size_of::<NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES>() {
        return NDIS_STATUS_BAD_VERSION;
    }
    if adapter.driver.ndk.get().is_none() {
        sim::fail(
            "ADAPTER-01",
            format!(
                "{}: NDK attributes without provider characteristics",
                adapter.name
            ),
        );
    }
    if given.NdkCapabilities.is_null() {
        sim::fail(
            "ADAPTER-02",
            format!("{}: NDK attributes without capabilities", adapter.name),
        );
    }
    // SAFETY: it is not null and the caller vouches for it.
    let capabilities = unsafe { given.NdkCapabilities.read() };
    if capabilities.MissingCounterMask & !NDK_COUNTERS != 0 {
        sim::fail(
            "ADAPTER-45",
            format!(
                "{}: MissingCounterMask {:#x} names counters that do not exist",
                adapter.name, capabilities.MissingCounterMask
            ),
        );
    }
    adapter.attributes.ndk.set(Some(given.Enabled != 0));
    adapter.attributes.ndk_capabilities.set(Some(capabilities));
    adapter.edge.set_enabled(given.Enabled != 0);
    NDIS_STATUS_SUCCESS
}
