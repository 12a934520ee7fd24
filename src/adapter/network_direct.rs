//! Network Direct on and off, and the consumers' opens (rules ADAPTER-04 to ADAPTER-29).

use core::ptr::NonNull;

use super::Adapter;
use crate::{
    ndk::Provider,
    nt::{
        Passive, Ref, Status,
        sync::{AtomicBool, Ordering},
    },
    sys::{
        ndis::{
            self, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
            NET_PNP_EVENT, NET_PNP_EVENT_CODE, NET_PNP_EVENT_NOTIFICATION, NetEventNDKDisable,
            NetEventNDKEnable,
        },
        ndkpi::NDK_ADAPTER,
    },
};

/// `NET_PNP_EVENT_NOTIFICATION_REVISION_1`.
const NOTIFICATION_REVISION_1: u8 = 1;
/// Bytes of revision 1: what comes before the switch id.
const NOTIFICATION_SIZE_1: u16 = core::mem::offset_of!(NET_PNP_EVENT_NOTIFICATION, SwitchId) as u16;

/// Network Direct is wanted on or off, and NDIS was told that it is on or off.
///
/// A work item brings the two together: NDIS must not be told from inside an OID request (rule ADAPTER-25), and telling it "off" waits until every
/// consumer has closed (rule ADAPTER-26).
#[derive(Debug, Default)]
pub(super) struct Switch {
    wanted: AtomicBool,
    announced: AtomicBool,
}

impl Switch {
    /// The state that the Network Direct attributes tell NDIS.
    pub(super) fn start(&self, on: bool) {
        self.wanted.store(on, Ordering::Release);
        self.announced.store(on, Ordering::Release);
    }

    /// Whether it is wanted on.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }
}

impl Adapter {
    /// Wants Network Direct on or off; NDIS is told soon. `<= DISPATCH_LEVEL`.
    pub(super) fn switch_network_direct(this: &Ref<Self>, on: bool) {
        this.switch.wanted.store(on, Ordering::Release);
        if !on && let Some(provider) = this.provider.get() {
            // Rule ADAPTER-27.
            provider.disable();
        }
        if let Some(work) = this.work.get() {
            work.network_direct.queue(this.clone());
        }
    }

    /// The work item: makes what NDIS knows follow what is wanted.
    pub(super) fn follow_switch(this: &Ref<Self>, passive: Passive<'_>) {
        // Rule ADAPTER-25, VRF-26: the request that decided this has to be over.
        while this.requests.are_pending() {
            passive.sleep_ms(1);
        }
        loop {
            let wanted = this.switch.is_wanted() && !this.is_removed();
            if this.switch.announced.swap(wanted, Ordering::AcqRel) == wanted {
                return;
            }
            if wanted {
                if let Some(provider) = this.provider.get() {
                    provider.enable();
                }
                this.announce(NetEventNDKEnable, passive);
            } else {
                this.announce(NetEventNDKDisable, passive);
            }
        }
    }

    /// Off for good, before the adapter goes (rule ADAPTER-29).
    pub(super) fn stop_network_direct(&self, passive: Passive<'_>) {
        self.switch.wanted.store(false, Ordering::Release);
        if let Some(provider) = self.provider.get() {
            provider.disable();
        }
        if let Some(work) = self.work.get() {
            work.network_direct.drain(passive);
        }
        if self.switch.announced.swap(false, Ordering::AcqRel) {
            self.announce(NetEventNDKDisable, passive);
        }
    }

    /// Tells NDIS (rule ADAPTER-24). "Disable" returns when all consumers have closed.
    fn announce(&self, event: NET_PNP_EVENT_CODE, _: Passive<'_>) {
        let null = core::ptr::null_mut();
        let mut notification = NET_PNP_EVENT_NOTIFICATION {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
                Revision: NOTIFICATION_REVISION_1,
                Size: NOTIFICATION_SIZE_1,
            },
            PortNumber: 0,
            NetPnPEvent: NET_PNP_EVENT {
                NetEvent: event,
                Buffer: null,
                BufferLength: 0,
                NdisReserved: [0; 4],
                TransportReserved: [0; 4],
                TdiReserved: [0; 4],
                TdiClientReserved: [0; 4],
            },
            Flags: 0,
            SwitchId: 0,
            VPortId: 0,
        };
        // SAFETY: a live handle, a complete notification; the token proves PASSIVE_LEVEL.
        unsafe { ndis::NdisMNetPnPEvent(self.ndis.as_raw(), &raw mut notification) };
    }

    /// `OpenNDKAdapterHandler`.
    pub(super) fn open_network_direct(
        &self,
        parameters: &NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    ) -> Result<NonNull<NDK_ADAPTER>, Status> {
        let provider = self.provider.get().ok_or(Status::NDIS_ADAPTER_NOT_READY)?;
        Provider::open(&provider, parameters)
    }

    /// `CloseNDKAdapterHandler`: returns when the open is gone with all that came from it.
    ///
    /// # Safety
    /// `adapter` came from [`Self::open_network_direct`] and was not closed before.
    pub(super) unsafe fn close_network_direct(&self, adapter: *mut NDK_ADAPTER, passive: Passive<'_>) {
        // The provider goes after its opens.
        if let Some(provider) = self.provider.get() {
            // SAFETY: the caller's promise.
            unsafe { provider.close(adapter, passive) }
        }
    }
}
