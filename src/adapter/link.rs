//! Link state: what the port says, in NDIS's words.

use super::Adapter;
use crate::{
    hw::{PortState, Speed},
    nt::{Passive, Ref, sync::Ordering},
    sys::ndis::{
        self, MediaConnectStateConnected, MediaConnectStateDisconnected, MediaDuplexStateFull,
        MediaDuplexStateUnknown, NDIS_LINK_STATE, NDIS_LINK_STATE_DUPLEX_AUTO_NEGOTIATED,
        NDIS_LINK_STATE_RCV_LINK_SPEED_AUTO_NEGOTIATED, NDIS_LINK_STATE_REVISION_1,
        NDIS_LINK_STATE_XMIT_LINK_SPEED_AUTO_NEGOTIATED, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT,
        NDIS_OBJECT_TYPE_STATUS_INDICATION, NDIS_STATUS, NDIS_STATUS_INDICATION,
        NDIS_STATUS_INDICATION_REVISION_1, NDIS_STATUS_LINK_STATE, NdisPauseFunctionsUnknown,
    },
};

/// `NDIS_LINK_SPEED_UNKNOWN`.
pub(super) const SPEED_UNKNOWN: u64 = u64::MAX;
/// What the port negotiates by itself.
pub(super) const AUTO_NEGOTIATED: u32 = NDIS_LINK_STATE_XMIT_LINK_SPEED_AUTO_NEGOTIATED
    | NDIS_LINK_STATE_RCV_LINK_SPEED_AUTO_NEGOTIATED
    | NDIS_LINK_STATE_DUPLEX_AUTO_NEGOTIATED;

/// Link state as NDIS knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkReport {
    pub(super) connected: bool,
    /// Both directions, in bits per second.
    pub(super) speed: u64,
    /// The fastest that the port can do, in bits per second.
    pub(super) max_speed: u64,
}

impl LinkReport {
    /// What the port says.
    pub(super) fn of(port: PortState) -> Self {
        let bits = |speed: Option<Speed>| speed.map_or(SPEED_UNKNOWN, |speed| speed.0);
        Self {
            connected: port.up,
            speed: bits(port.speed),
            max_speed: bits(port.max_speed),
        }
    }

    /// Media connect state.
    pub(super) const fn media(self) -> ndis::NDIS_MEDIA_CONNECT_STATE {
        if self.connected {
            MediaConnectStateConnected
        } else {
            MediaConnectStateDisconnected
        }
    }

    /// Media duplex state.
    pub(super) const fn duplex(self) -> ndis::NDIS_MEDIA_DUPLEX_STATE {
        if self.connected {
            MediaDuplexStateFull
        } else {
            MediaDuplexStateUnknown
        }
    }

    /// The structure of indications.
    fn link_state(self) -> NDIS_LINK_STATE {
        NDIS_LINK_STATE {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
                Revision: NDIS_LINK_STATE_REVISION_1 as u8,
                Size: size_of::<NDIS_LINK_STATE>() as u16,
            },
            MediaConnectState: self.media(),
            MediaDuplexState: self.duplex(),
            XmitLinkSpeed: self.speed,
            RcvLinkSpeed: self.speed,
            PauseFunctions: NdisPauseFunctionsUnknown,
            AutoNegotiationFlags: AUTO_NEGOTIATED,
        }
    }
}

impl Adapter {
    /// The port's state now; a device that is gone or dead has no link.
    pub(super) fn port_link(&self) -> LinkReport {
        let gone = LinkReport {
            connected: false,
            speed: SPEED_UNKNOWN,
            max_speed: SPEED_UNKNOWN,
        };
        self.device
            .get()
            .filter(|_| !self.is_removed())
            .map_or(gone, |device| LinkReport::of(device.port_state()))
    }

    /// Tells NDIS what the link has become, if it does not know (rule LINK-01). A work item, so that reports keep their order.
    pub(super) fn report_link(this: &Ref<Self>, _: Passive<'_>) {
        let now = this.port_link();
        let before = this.link.lock().replace(now);
        if before != Some(now) {
            this.indicate_link(now);
        }
        if this.failed.swap(false, Ordering::AcqRel) && !this.leaving.load(Ordering::Acquire) {
            this.ask_for_removal();
        }
    }

    /// The device died: NDIS takes the adapter away, by a halt with `NdisHaltDeviceFailed`. Whoever starts it again resets the device. Should
    /// NDIS refuse, the adapter stays as it is, without a link.
    fn ask_for_removal(&self) {
        // SAFETY: a live handle; the work item ends before the halt does.
        let _ = unsafe { ndis::NdisMRemoveMiniport(self.ndis.as_raw()) };
    }

    fn indicate_link(&self, link: LinkReport) {
        let mut state = link.link_state();
        self.indicate_status(
            NDIS_STATUS_LINK_STATE,
            &mut state,
            size_of::<NDIS_LINK_STATE>() as u16,
        );
    }

    /// Tells NDIS of a change: the first `size` bytes of `what` describe it. `<= DISPATCH_LEVEL`.
    pub(super) fn indicate_status<T>(&self, code: NDIS_STATUS, what: &mut T, size: u16) {
        let mut indication = NDIS_STATUS_INDICATION {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_STATUS_INDICATION as u8,
                Revision: NDIS_STATUS_INDICATION_REVISION_1 as u8,
                Size: size_of::<NDIS_STATUS_INDICATION>() as u16,
            },
            SourceHandle: self.ndis.as_raw(),
            PortNumber: 0,
            StatusCode: code,
            Flags: 0,
            DestinationHandle: core::ptr::null_mut(),
            RequestId: core::ptr::null_mut(),
            StatusBuffer: core::ptr::from_mut(what).cast(),
            StatusBufferSize: u32::from(size),
            Guid: wdk_sys::GUID {
                Data1: 0,
                Data2: 0,
                Data3: 0,
                Data4: [0; 8],
            },
            NdisReserved: [core::ptr::null_mut(); 4],
        };
        // SAFETY: a live handle; structures that outlive the call.
        unsafe { ndis::NdisMIndicateStatusEx(self.ndis.as_raw(), &raw mut indication) }
    }
}
