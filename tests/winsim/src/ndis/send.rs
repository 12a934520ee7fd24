//! Sends: `NET_BUFFER_LISTs` that a protocol gives to the miniport and gets back exactly once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr;

use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_PAUSED, NDIS_STATUS_SUCCESS, NET_BUFFER_LIST};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::outgoing::{Outgoing, Parts};
use super::table;
use crate::sim::{self, SECOND, Stream};

/// `NDIS_SEND_FLAGS_DISPATCH_LEVEL`.
const SEND_DISPATCH_LEVEL: u32 = 1;
/// Statuses that a packet may come back with (SEND-03): SUCCESS, INVALID_LENGTH, RESOURCES, PAUSED, SEND_ABORTED, RESET_IN_PROGRESS,
/// LOW_POWER_STATE, NOT_ACCEPTED, FAILURE.
const STATUSES: [NDIS_STATUS; 9] = [
    NDIS_STATUS_SUCCESS,
    0xc001_0014_u32.cast_signed(),
    0xc000_009a_u32.cast_signed(),
    NDIS_STATUS_PAUSED,
    0xc023_000c_u32.cast_signed(),
    0xc001_000d_u32.cast_signed(),
    0xc023_002f_u32.cast_signed(),
    0x0001_0003,
    0xc000_0001_u32.cast_signed(),
];
/// VRF-08.
const LONGEST: u64 = 30 * SECOND;
/// VRF-09.
const LONGEST_PAUSE: u64 = 22 * SECOND;

/// One list on its way.
struct Sent {
    id: u64,
    time: u64,
    /// Sent when the miniport was not Running: it has to come back with PAUSED.
    rejected: bool,
    parts: Parts,
}

/// A packet that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What [`super::Adapter::send_packets`] called it.
    pub id: u64,
    /// Its status.
    pub status: NDIS_STATUS,
}

/// The sends of one adapter.
#[derive(Default)]
pub(super) struct Sends {
    pending: RefCell<BTreeMap<usize, Sent>>,
    last_progress: Cell<u64>,
    last_id: Cell<u64>,
    completed: RefCell<Vec<Completion>>,
}

impl Sends {
    /// Lists that the driver has.
    pub(super) fn outstanding(&self) -> usize {
        self.pending.borrow().len()
    }

    /// Packets that came back, oldest first; empties the list.
    pub(super) fn take_completed(&self) -> Vec<Completion> {
        self.completed.take()
    }

    fn check_times(&self, name: &str) {
        let now = sim::now();
        let oldest = self.pending.borrow().values().map(|sent| sent.time).min();
        let Some(oldest) = oldest else { return };
        if now >= oldest + LONGEST {
            sim::fail(
                "VRF-08",
                format!("{name}: a NET_BUFFER_LIST is not completed after 30 s"),
            );
        }
        if now >= oldest.max(self.last_progress.get()) + LONGEST_PAUSE {
            sim::fail(
                "VRF-09",
                format!("{name}: sends are pending and none completed for 22 s"),
            );
        }
    }
}

impl AdapterState {
    /// Gives packets to `MiniportSendNetBufferLists`, in one chain, and says what they are called. In a context of the host.
    pub(super) fn send(&self, packets: &[Outgoing]) -> Vec<u64> {
        self.expect(
            "STATE-01",
            "a send",
            &[State::Paused, State::Restarting, State::Running, State::Pausing],
        );
        let rejected = self.state.get() == State::Paused;
        let mut first: *mut NET_BUFFER_LIST = ptr::null_mut();
        let (mut keys, mut ids) = (Vec::new(), Vec::new());
        let last = self.sends.last_id.get() + packets.len() as u64;
        self.sends.last_id.set(last);
        for (packet, id) in packets.iter().rev().zip((0..=last).rev()) {
            let mut parts = Parts::new(packet, self.handle);
            parts.list.Next = first;
            first = &raw mut *parts.list;
            keys.push(first as usize);
            ids.insert(0, id);
            let time = sim::now();
            let sent = Sent {
                id,
                time,
                rejected,
                parts,
            };
            self.sends.pending.borrow_mut().insert(first as usize, sent);
        }
        if let Some(handler) = self.driver.characteristics.SendNetBufferListsHandler {
            let context = self.context() as usize;
            let first = first as usize;
            // SAFETY: the driver registered the handler; the chain lives until each list is completed.
            let send = |flags| unsafe { handler(context as *mut _, first as *mut NET_BUFFER_LIST, 0, flags) };
            if sim::choose(Stream::Ndis, 2) == 1 {
                kernel::at_told_irql(|| send(SEND_DISPATCH_LEVEL));
            } else {
                send(0);
            }
        }
        kernel::expect_clean("MiniportSendNetBufferLists");
        let left = keys
            .iter()
            .filter(|key| self.sends.pending.borrow().contains_key(key))
            .count();
        if rejected && left > 0 {
            sim::fail(
                "VRF-40",
                format!("{}: {left} sends in Paused were not completed at once", self.name),
            );
        }
        ids
    }

    /// `MiniportCancelSend`.
    pub(super) fn cancel_sends(&self, id: usize) {
        if let Some(handler) = self.driver.characteristics.CancelSendHandler {
            // SAFETY: the driver registered the handler.
            unsafe { handler(self.context(), id as *mut _) };
        }
        kernel::expect_clean("MiniportCancelSend");
    }

    /// Waits until no send is pending, within the time that sends may take.
    pub(super) fn drain_sends(&self) {
        while self.sends.outstanding() > 0 {
            self.sends.check_times(&self.name);
            sim::sleep(SECOND / 10);
        }
    }
}

/// `NdisMSendNetBufferListsComplete`.
///
/// # Safety
/// The chain is one of lists that were sent.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMSendNetBufferListsComplete(
    handle: NDIS_HANDLE,
    chain: *mut NET_BUFFER_LIST,
    flags: u32,
) {
    let ddi = "NdisMSendNetBufferListsComplete";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
    if flags & SEND_DISPATCH_LEVEL != 0 && sim::irql() != sim::DISPATCH_LEVEL {
        sim::fail(
            "SEND-08",
            format!("{ddi} says DISPATCH_LEVEL at IRQL {}", sim::irql()),
        );
    }
    if kernel::locks_held() > 0 {
        sim::fail(
            "VRF-38",
            format!("{ddi} with {} spin locks held", kernel::locks_held()),
        );
    }
    let mut next = chain;
    while !next.is_null() {
        let Some(sent) = adapter.sends.pending.borrow_mut().remove(&(next as usize)) else {
            sim::fail("VRF-37", format!("{ddi}: {next:p} is not with the miniport"));
        };
        let status = sent.parts.list.Status;
        if sent.rejected && status != NDIS_STATUS_PAUSED {
            sim::fail(
                "VRF-40",
                format!("{ddi}: a send in Paused completed with {status:#x}"),
            );
        }
        if !STATUSES.contains(&status) {
            sim::fail("SEND-03", format!("{ddi}: {next:p} with status {status:#x}"));
        }
        if let Some(buffer) = sent.parts.buffers().find(|buffer| adapter.is_mapped(*buffer)) {
            sim::fail(
                "VRF-45",
                format!("{ddi}: buffer {buffer:#x} of {next:p} has a list of pieces yet"),
            );
        }
        next = sent.parts.list.Next;
        sent.parts.expect_whole(status == NDIS_STATUS_SUCCESS);
        sent.parts.poison();
        let id = sent.id;
        adapter
            .sends
            .completed
            .borrow_mut()
            .push(Completion { id, status });
    }
    adapter.sends.last_progress.set(sim::now());
}
