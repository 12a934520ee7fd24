//! The steps between the states of an adapter, each in a context of its host at `PASSIVE_LEVEL`.

use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_MINIPORT_INIT_PARAMETERS, NDIS_MINIPORT_PAUSE_PARAMETERS, NDIS_OBJECT_HEADER,
    NDIS_OBJECT_TYPE_DEFAULT, NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS, NDIS_STATUS, NDIS_STATUS_FAILURE,
    NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS, NET_DEVICE_PNP_EVENT,
};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::table;
use crate::sim;

/// `NdisDevicePnPEventSurpriseRemoved`.
pub(super) const SURPRISE_REMOVED: i32 = 2;
/// `NdisDevicePnPEventPowerProfileChanged`.
pub(super) const POWER_PROFILE_CHANGED: i32 = 5;

/// `OID_GEN_CURRENT_LOOKAHEAD`.
pub(super) const LOOKAHEAD: u32 = 0x0001_010F;
/// `OID_GEN_CURRENT_PACKET_FILTER`.
pub(super) const PACKET_FILTER: u32 = 0x0001_010E;
/// `OID_802_3_MULTICAST_LIST`.
pub(super) const MULTICAST_LIST: u32 = 0x0101_0103;

/// Mandatory OIDs of miniport.md section 5 for a miniport without RSS and offloads; true for sets.
pub(super) const MANDATORY_OIDS: [(u32, bool); 22] = [
    (LOOKAHEAD, true),
    (PACKET_FILTER, true),
    (0x0001_0209, false),
    (0x0001_0209, true),
    (0x0001_0208, true),
    (0x0001_0111, false),
    (0x0002_0102, false),
    (0x0002_0101, false),
    (0x0001_010B, false),
    (0x0001_010A, false),
    (0x0001_0109, false),
    (0x0001_0108, false),
    (0x0002_0106, false),
    (0x0001_010C, false),
    (0x0001_010D, false),
    (0x0001_0116, false),
    (MULTICAST_LIST, true),
    (0xFD01_0102, false),
    (0x0001_0106, false),
    (0xFC04_0201, true),
    (0xFC04_0203, false),
    (0xFC04_0204, false),
];

/// Bytes of a frame before its payload, with a tag.
const FRAME_HEADER: u32 = 18;
pub(super) fn header(kind: u32, size: u16) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: kind as u8,
        Revision: 1,
        Size: size,
    }
}

impl AdapterState {
    pub(super) fn add_device(&self) -> NDIS_STATUS {
        let Some(handler) = self.driver.pnp.get().and_then(|pnp| pnp.MiniportAddDeviceHandler) else {
            return NDIS_STATUS_SUCCESS;
        };
        // SAFETY: the driver registered the handler.
        let status = unsafe { handler(self.handle, self.driver.context) };
        kernel::expect_clean("MiniportAddDevice");
        status
    }

    pub(super) fn remove_device(&self) {
        self.expect("STATE-01", "RemoveDevice", &[State::Halted]);
        if let Some(handler) = self
            .driver
            .pnp
            .get()
            .and_then(|pnp| pnp.MiniportRemoveDeviceHandler)
        {
            // SAFETY: the driver registered the handler; the context is the one it set.
            unsafe { handler(self.attributes.add_device_context.get()) };
            kernel::expect_clean("MiniportRemoveDevice");
        }
    }

    pub(super) fn initialize(&self) -> NDIS_STATUS {
        self.expect("STATE-01", "MiniportInitializeEx", &[State::Halted]);
        self.attributes.clear();
        self.unlogged_failure.set(false);
        self.failed.set(false);
        self.filter_set.set(false);
        self.wants.clear();
        self.base.clear();
        self.build_resources();
        let logged = self.log.borrow().len();
        let pool = kernel::pool_outstanding(self.host);
        self.state.set(State::Initializing);
        let status = self.call_initialize();
        kernel::expect_clean("MiniportInitializeEx");
        if status == NDIS_STATUS_SUCCESS {
            self.expect_initialized();
            // Beside other adapters: what was there before the first of them.
            let other = self.beside();
            self.pool_before
                .set(other.map_or(pool, |other| other.pool_before.get()));
            self.state.set(State::Paused);
            return status;
        }
        if self.unlogged_failure.get() {
            sim::fail(
                "VRF-28",
                format!(
                    "{}: shared memory failed and nothing was written to the event log",
                    self.name
                ),
            );
        }
        if self.log.borrow().len() == logged {
            sim::fail(
                "INIT-01",
                format!(
                    "{}: Initialize returned {status:#x} without an event log entry",
                    self.name
                ),
            );
        }
        self.expect_nothing_held(true);
        super::packet::expect_no_pool_of(self.handle, "a failed MiniportInitializeEx");
        if self.beside().is_none() {
            kernel::expect_pool(self.host, pool, "VRF-42", "a failed MiniportInitializeEx");
        }
        self.attributes.clear();
        self.edge.set_enabled(false);
        super::condis::forget_registrations(self);
        self.state.set(State::Halted);
        status
    }

    /// Another adapter of the host that is not Halted: nobody can tell its memory from this one's.
    fn beside(&self) -> Option<Rc<Self>> {
        super::driver::adapters_of(self.host)
            .into_iter()
            .find(|other| other.handle != self.handle && other.state.get() != State::Halted)
    }

    fn call_initialize(&self) -> NDIS_STATUS {
        let interface = self.interface.get();
        let mut parameters = NDIS_MINIPORT_INIT_PARAMETERS {
            Header: header(NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS, 0x40),
            Flags: 0,
            AllocatedResources: self.resource_list().cast(),
            IMDeviceInstanceContext: ptr::null_mut(),
            MiniportAddDeviceContext: self.attributes.add_device_context.get(),
            IfIndex: interface.map_or(0, |i| i.index),
            NetLuid: interface.map_or(0, crate::netio::InterfaceId::luid),
            DefaultPortAuthStates: ptr::null_mut(),
            PciDeviceCustomProperties: ptr::null_mut(),
        };
        let handler = self.driver.characteristics.InitializeHandlerEx;
        let _deadline = self.within("INIT-01", "MiniportInitializeEx");
        // SAFETY: the driver registered the handler; the parameters live until it returns.
        handler.map_or(NDIS_STATUS_FAILURE, |f| unsafe {
            f(self.handle, self.driver.context, &raw mut parameters)
        })
    }

    /// What has to be true after a successful Initialize.
    fn expect_initialized(&self) {
        let general = self.attributes.general.borrow();
        let Some(general) = general.as_ref() else {
            sim::fail(
                "INIT-02",
                format!("{}: Initialize succeeded without general attributes", self.name),
            );
        };
        let frame = general.mtu + FRAME_HEADER;
        let short = |handle: &NDIS_HANDLE| table::dma(*handle, "Initialize").largest_mapping() < frame;
        if self.held.dma.borrow().iter().any(short) {
            sim::fail(
                "DMA-01",
                format!("{}: frames of {frame} bytes are longer than a mapping", self.name),
            );
        }
        if self.driver.ndk.get().is_none() {
            return;
        }
        if self.attributes.ndk.get().is_none() {
            sim::fail(
                "ADAPTER-02",
                format!("{}: Initialize succeeded without NDK attributes", self.name),
            );
        }
        if let Some(missing) = (0xFC04_0201..=0xFC04_0204).find(|oid| !general.oids.contains(oid)) {
            sim::fail(
                "ADAPTER-40",
                format!("{}: OID {missing:#x} is not in the supported list", self.name),
            );
        }
    }

    /// `MiniportDevicePnPEventNotify`.
    pub(super) fn pnp_event(&self, event: i32) {
        // SAFETY: all fields of an event may be zero.
        let mut notification: NET_DEVICE_PNP_EVENT = unsafe { std::mem::zeroed() };
        notification.Header = header(NDIS_OBJECT_TYPE_DEFAULT, size_of::<NET_DEVICE_PNP_EVENT>() as u16);
        notification.DevicePnPEvent = event;
        let mut profile = 1_u32;
        if event == POWER_PROFILE_CHANGED {
            notification.InformationBuffer = (&raw mut profile).cast();
            notification.InformationBufferLength = 4;
        }
        if let Some(handler) = self.driver.characteristics.DevicePnPEventNotifyHandler {
            let _deadline = self.within("PNP-01", "MiniportDevicePnPEventNotify");
            // SAFETY: the driver registered the handler; the event lives until it returns.
            unsafe { handler(self.context(), &raw mut notification) };
        }
        kernel::expect_clean("MiniportDevicePnPEventNotify");
    }

    pub(super) fn pause(&self) {
        self.expect("STATE-01", "MiniportPause", &[State::Running]);
        self.begin(State::Pausing);
        let mut parameters = NDIS_MINIPORT_PAUSE_PARAMETERS {
            Header: header(NDIS_OBJECT_TYPE_DEFAULT, 0xc),
            Flags: 0,
            PauseReason: 1,
        };
        let handler = self.driver.characteristics.PauseHandler;
        let _deadline = self.within("PAUSE-02", "MiniportPause");
        // SAFETY: the driver registered the handler; the parameters live until it returns.
        let status = handler.map_or(NDIS_STATUS_FAILURE, |f| unsafe {
            f(self.context(), &raw mut parameters)
        });
        kernel::expect_clean("MiniportPause");
        if !matches!(status, NDIS_STATUS_SUCCESS | NDIS_STATUS_PENDING) {
            sim::fail(
                "VRF-10",
                format!("{}: MiniportPause returned {status:#x}", self.name),
            );
        }
        self.finish("MiniportPause", status);
        super::condis::expect_no_data(self);
        self.expect_no_packets();
        self.state.set(State::Paused);
    }

    /// VRF-37, PAUSE-02: what was sent is completed, what was indicated is back, and no call indicates.
    fn expect_no_packets(&self) {
        let calls = self.receives.lent.calls();
        if calls > 0 {
            sim::fail(
                "PAUSE-02",
                format!("{}: {calls} calls indicate packets in Paused", self.name),
            );
        }
        let (sends, receives) = (self.sends.outstanding(), self.receives.lent.outstanding());
        if sends > 0 || receives > 0 {
            sim::fail(
                "VRF-37",
                format!(
                    "{}: {sends} sends are pending and {receives} received packets are not back in Paused",
                    self.name
                ),
            );
        }
    }

    pub(super) fn begin(&self, state: State) {
        self.transition.result.set(None);
        self.transition.waiter.set(None);
        self.transition.pending.set(true);
        self.state.set(state);
    }

    pub(super) fn finish(&self, what: &'static str, status: NDIS_STATUS) -> NDIS_STATUS {
        if status == NDIS_STATUS_PENDING {
            return self.await_transition(what);
        }
        if self.transition.result.get().is_some() {
            sim::fail(
                "PAUSE-01",
                format!(
                    "{what} of {} was completed and returned {status:#x} too",
                    self.name
                ),
            );
        }
        self.transition.pending.set(false);
        status
    }

    /// A function of the driver that has to return, with time for what it waits for to be late first.
    pub(super) fn within(&self, rule: &'static str, ddi: &'static str) -> sim::Deadline {
        let name = self.name.clone();
        sim::Deadline::new(rule, 2 * sim::LONGEST, move || format!("{ddi} of {name}"))
    }

    pub(super) fn halt(&self, action: i32) {
        self.expect("STATE-01", "MiniportHaltEx", &[State::Paused]);
        let deadline = self.within("HALT-01", "MiniportHaltEx");
        while self.oids.outstanding() > 0 {
            sim::sleep(sim::MICROSECOND);
        }
        self.halting.set(true);
        if let Some(handler) = self.driver.characteristics.HaltHandlerEx {
            // SAFETY: the driver registered the handler.
            unsafe { handler(self.context(), action) };
        }
        drop(deadline);
        kernel::expect_clean("MiniportHaltEx");
        super::condis::expect_closed(self);
        self.halting.set(false);
        self.state.set(State::Halted);
        self.expect_nothing_held(false);
        super::condis::expect_none(self, "MiniportHaltEx");
        super::packet::expect_no_pool_of(self.handle, "MiniportHaltEx");
        if self.beside().is_none() {
            kernel::expect_pool(self.host, self.pool_before.get(), "VRF-42", "MiniportHaltEx");
        }
        if self.driver.adapters.borrow().len() == 1 {
            kernel::expect_no_dma(self.host, "MiniportHaltEx");
            crate::netio::expect_nothing(self.host, "MiniportHaltEx");
        }
        self.attributes.clear();
        self.edge.set_enabled(false);
        self.removed.set(false);
    }

    pub(super) fn shutdown(&self, action: i32) {
        let states = [State::Paused, State::Restarting, State::Running, State::Pausing];
        self.expect("STATE-01", "MiniportShutdownEx", &states);
        self.state.set(State::Shutdown);
        let bug_check = action == cxndk::sys::ndis::NdisShutdownBugCheck;
        let old = bug_check.then(|| kernel::raise(15));
        if let Some(handler) = self.driver.characteristics.ShutdownHandlerEx {
            let _deadline = self.within("SHUT-01", "MiniportShutdownEx");
            // SAFETY: the driver registered the handler.
            unsafe { handler(self.context(), action) };
        }
        if let Some(old) = old {
            kernel::lower(old);
        }
    }
}

/// `NdisMPauseComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMPauseComplete(handle: NDIS_HANDLE) {
    let ddi = "NdisMPauseComplete";
    kernel::enter(ddi, Level::Dispatch);
    table::adapter(handle, ddi).complete_transition(ddi, State::Pausing, NDIS_STATUS_SUCCESS);
}

/// `NdisMRestartComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMRestartComplete(handle: NDIS_HANDLE, status: NDIS_STATUS) {
    let ddi = "NdisMRestartComplete";
    kernel::enter(ddi, Level::Dispatch);
    table::adapter(handle, ddi).complete_transition(ddi, State::Restarting, status);
}
