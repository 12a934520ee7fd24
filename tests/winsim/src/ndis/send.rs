//! Sends: `NET_BUFFER_LISTs` that a protocol gives to the miniport and gets back exactly once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_PAUSED, NDIS_STATUS_PENDING, NET_BUFFER, NET_BUFFER_LIST,
};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::table;
use crate::sim::{self, SECOND, Stream};

/// `NDIS_SEND_FLAGS_DISPATCH_LEVEL`.
const SEND_DISPATCH_LEVEL: u32 = 1;
/// VRF-08.
const LONGEST: u64 = 30 * SECOND;
/// VRF-09.
const LONGEST_PAUSE: u64 = 22 * SECOND;
/// What a list holds after its completion, where a driver that still uses it will notice (VRF-39).
const POISON: usize = 0xdead_0000_dead_0000;

/// One list on its way.
struct Sent {
    time: u64,
    /// Sent when the miniport was not Running: it has to come back with PAUSED.
    rejected: bool,
    parts: Parts,
}

/// The memory of one list.
struct Parts {
    list: Box<NET_BUFFER_LIST>,
    /// The list's frames, the last one first.
    packets: Vec<Packet>,
}

/// The memory of one frame.
struct Packet {
    buffer: Box<NET_BUFFER>,
    mdl: *mut wdk_standin::_MDL,
    data: Box<[u8]>,
}

/// The sends of one adapter.
#[derive(Default)]
pub(super) struct Sends {
    pending: RefCell<BTreeMap<usize, Sent>>,
    last_progress: Cell<u64>,
    completed: RefCell<Vec<NDIS_STATUS>>,
}

impl Sends {
    /// Lists that the driver has.
    pub(super) fn outstanding(&self) -> usize {
        self.pending.borrow().len()
    }

    /// Statuses of completed sends, oldest first; empties the list.
    pub(super) fn take_completed(&self) -> Vec<NDIS_STATUS> {
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

impl Packet {
    fn new(frame: &[u8], next: *mut NET_BUFFER) -> Self {
        let mut data: Box<[u8]> = frame.into();
        let mdl = kernel::mdl_for(&mut data);
        // SAFETY: all fields of a NET_BUFFER may be zero.
        let mut buffer: Box<NET_BUFFER> = Box::new(unsafe { std::mem::zeroed() });
        buffer.CurrentMdl = mdl;
        buffer.MdlChain = mdl;
        buffer.stDataLength = frame.len();
        buffer.Next = next;
        Self { buffer, mdl, data }
    }

    fn poison(self) {
        kernel::mdl_free(self.mdl);
        let buffer = Box::leak(self.buffer);
        buffer.CurrentMdl = ptr::null_mut();
        buffer.Next = POISON as *mut NET_BUFFER;
        buffer.stDataLength = POISON;
        Box::leak(self.data).fill(0xde);
    }
}

impl Parts {
    fn new(frames: &[Vec<u8>]) -> Self {
        let (mut packets, mut first) = (Vec::new(), ptr::null_mut());
        for frame in frames.iter().rev() {
            let mut packet = Packet::new(frame, first);
            first = &raw mut *packet.buffer;
            packets.push(packet);
        }
        // SAFETY: all fields of a NET_BUFFER_LIST may be zero.
        let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
        list.FirstNetBuffer = first;
        list.Status = NDIS_STATUS_PENDING;
        Self { list, packets }
    }

    /// Keeps the memory, but nothing in it makes sense any more.
    fn poison(self) {
        self.packets.into_iter().for_each(Packet::poison);
        let list = Box::leak(self.list);
        list.FirstNetBuffer = POISON as *mut NET_BUFFER;
        list.Next = POISON as *mut NET_BUFFER_LIST;
    }
}

impl AdapterState {
    /// Gives lists of frames to `MiniportSendNetBufferLists`, in one chain. In a context of the host.
    pub(super) fn send(&self, lists: &[Vec<Vec<u8>>]) {
        self.expect(
            "STATE-01",
            "a send",
            &[State::Paused, State::Restarting, State::Running, State::Pausing],
        );
        let rejected = self.state.get() == State::Paused;
        let mut first: *mut NET_BUFFER_LIST = ptr::null_mut();
        let mut keys = Vec::new();
        for frames in lists.iter().rev() {
            let mut parts = Parts::new(frames);
            parts.list.Next = first;
            parts.list.SourceHandle = self.handle;
            first = &raw mut *parts.list;
            keys.push(first as usize);
            self.sends.pending.borrow_mut().insert(
                first as usize,
                Sent {
                    time: sim::now(),
                    rejected,
                    parts,
                },
            );
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
    _flags: u32,
) {
    let ddi = "NdisMSendNetBufferListsComplete";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
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
        next = sent.parts.list.Next;
        sent.parts.poison();
        adapter.sends.completed.borrow_mut().push(status);
    }
    adapter.sends.last_progress.set(sim::now());
}
