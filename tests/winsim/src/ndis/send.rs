//! Sends: `NET_BUFFER_LISTs` that a sender gives to the miniport, and gets back exactly once as they were.
//!
//! The sender is the testbed, or a protocol driver with a binding. What is enforced:
//!
//! | rule | what |
//! |---|---|
//! | SEND-03 | a packet completes with a status that sends may have |
//! | SEND-04 | its buffers and their data are what they were |
//! | SEND-08 | a flag that says `DISPATCH_LEVEL` is true |
//! | OFL-07 | a large send that was sent says so |
//! | VRF-08, VRF-09 | it completes in time |
//! | VRF-37, VRF-39 | it completes once, and leads nowhere afterwards |
//! | VRF-38 | no spin lock is held |
//! | VRF-40 | in Paused it is rejected at once |
//! | VRF-45 | no buffer of it is mapped for the device any more |

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_LOW_POWER_STATE,
    NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_PAUSED, NDIS_STATUS_RESET_IN_PROGRESS, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SUCCESS, NET_BUFFER_LIST,
};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::outgoing::{LARGE_SEND, LARGE_SEND_V2, Outgoing, Parts};
use super::packet::{self, Snapshot};
use super::protocol::{self, Binding};
use super::table;
use crate::nt;
use crate::sim::{self, SECOND, Stream};

/// `NDIS_SEND_FLAGS_DISPATCH_LEVEL`, and the same bit of completions.
pub(super) const DISPATCH_LEVEL: u32 = 1;
/// `NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK`.
const CHECK_FOR_LOOPBACK: u32 = 2;
/// SEND-03.
const STATUSES: [NDIS_STATUS; 9] = [
    NDIS_STATUS_SUCCESS,
    NDIS_STATUS_INVALID_LENGTH,
    NDIS_STATUS_RESOURCES,
    NDIS_STATUS_PAUSED,
    NDIS_STATUS_SEND_ABORTED,
    NDIS_STATUS_RESET_IN_PROGRESS,
    NDIS_STATUS_LOW_POWER_STATE,
    NDIS_STATUS_NOT_ACCEPTED,
    NDIS_STATUS_FAILURE,
];
/// VRF-08.
const LONGEST: u64 = 30 * SECOND;
/// VRF-09.
const LONGEST_PAUSE: u64 = 22 * SECOND;

/// Whose packet it is.
enum Owner {
    /// The testbed's: what it is called, and its memory.
    Testbed(u64, Parts),
    /// A protocol driver's.
    Protocol(Rc<Binding>),
}

/// One list on its way.
struct Sent {
    owner: Owner,
    time: u64,
    /// Sent when the miniport was not Running: it has to come back with PAUSED.
    rejected: bool,
    snapshot: Snapshot,
    large: bool,
}

/// A packet that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What [`super::Adapter::send_packets`] called it.
    pub id: u64,
    /// Its status.
    pub status: NDIS_STATUS,
    /// The word of a large send as the miniport left it.
    pub large: u32,
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

    /// A packet goes to the miniport.
    ///
    /// # Safety
    /// It is complete, and stays so.
    unsafe fn depart(&self, list: *mut NET_BUFFER_LIST, owner: Owner, rejected: bool) {
        // SAFETY: the caller's packet.
        let snapshot = unsafe { Snapshot::of(list) };
        // SAFETY: as above.
        let large = unsafe { large_word(list) } & LARGE_SEND_V2 != 0;
        let sent = Sent {
            owner,
            time: sim::now(),
            rejected,
            snapshot,
            large,
        };
        self.pending.borrow_mut().insert(list as usize, sent);
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

/// The word of a packet that says whether it is a large send.
///
/// # Safety
/// The packet is complete.
unsafe fn large_word(list: *mut NET_BUFFER_LIST) -> u32 {
    // SAFETY: the caller's packet.
    unsafe { (*list).NetBufferListInfo[LARGE_SEND] as usize as u32 }
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
        let mut keys = Vec::new();
        let last = self.sends.last_id.get();
        let ids: Vec<u64> = (last + 1..).take(packets.len()).collect();
        self.sends.last_id.set(last + packets.len() as u64);
        for (packet, id) in packets.iter().zip(&ids).rev() {
            let mut parts = Parts::new(packet, self.handle);
            parts.list.Next = first;
            first = &raw mut *parts.list;
            keys.push(first as usize);
            // SAFETY: a packet that was just made; its memory stays where it is.
            unsafe { self.sends.depart(first, Owner::Testbed(*id, parts), rejected) };
        }
        let loopback = CHECK_FOR_LOOPBACK * sim::choose(Stream::Ndis, 2) as u32;
        self.call_send(first, loopback, sim::choose(Stream::Ndis, 2) == 1);
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

    /// `MiniportSendNetBufferLists`, at the running IRQL, or at `DISPATCH_LEVEL` and with the flag that says so.
    fn call_send(&self, first: *mut NET_BUFFER_LIST, flags: u32, told: bool) {
        let Some(handler) = self.driver.characteristics.SendNetBufferListsHandler else {
            return;
        };
        let name = "MiniportSendNetBufferLists";
        let (context, first) = (self.context() as usize, first as usize);
        // SAFETY: the driver registered the handler; the chain lives until each list is completed.
        let send = |flags| unsafe { handler(context as *mut _, first as *mut NET_BUFFER_LIST, 0, flags) };
        if told {
            let send = || send(flags | DISPATCH_LEVEL);
            kernel::at_told_irql(|| nt::call_driver(name, sim::DISPATCH_LEVEL, send));
        } else {
            nt::call_driver(name, sim::irql(), || send(flags));
        }
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

    /// Gives a chain of a protocol driver to the miniport, or back if the miniport takes none.
    ///
    /// # Safety
    /// The packets are complete, and stay so until each is completed.
    pub(super) unsafe fn send_for(&self, binding: &Rc<Binding>, lists: &[*mut NET_BUFFER_LIST], flags: u32) {
        let states = [State::Running, State::Restarting, State::Pausing, State::Paused];
        let first = lists.first().copied().unwrap_or(ptr::null_mut());
        if !states.contains(&self.state.get()) {
            for list in lists {
                // SAFETY: the caller's packet.
                unsafe { (**list).Status = NDIS_STATUS_PAUSED };
            }
            return protocol::sent(binding, lists);
        }
        let rejected = self.state.get() == State::Paused;
        for list in lists {
            // SAFETY: the caller's packet.
            unsafe { packet::departs(*list) };
            let owner = Owner::Protocol(Rc::clone(binding));
            // SAFETY: as above.
            unsafe { self.sends.depart(*list, owner, rejected) };
        }
        let told = flags & DISPATCH_LEVEL != 0;
        self.call_send(first, flags & !DISPATCH_LEVEL, told);
    }
}

/// SEND-08: a flag that says `DISPATCH_LEVEL` is true.
pub(super) fn expect_level(ddi: &str, flags: u32) {
    if flags & DISPATCH_LEVEL != 0 && sim::irql() != sim::DISPATCH_LEVEL {
        sim::fail(
            "SEND-08",
            format!("{ddi} says DISPATCH_LEVEL at IRQL {}", sim::irql()),
        );
    }
}

/// VRF-38: nobody calls up or down with a spin lock.
pub(super) fn expect_no_lock(ddi: &str) {
    if kernel::locks_held() > 0 {
        sim::fail(
            "VRF-38",
            format!("{ddi} with {} spin locks held", kernel::locks_held()),
        );
    }
}

/// What has to be true of a packet that comes back.
///
/// # Safety
/// The packet is complete.
unsafe fn expect_good(ddi: &str, adapter: &AdapterState, list: *mut NET_BUFFER_LIST, sent: &Sent) {
    // SAFETY: the caller's packet.
    let status = unsafe { (*list).Status };
    if sent.rejected && status != NDIS_STATUS_PAUSED {
        sim::fail(
            "VRF-40",
            format!("{ddi}: a send in Paused completed with {status:#x}"),
        );
    }
    if !STATUSES.contains(&status) {
        sim::fail("SEND-03", format!("{ddi}: {list:p} with status {status:#x}"));
    }
    if sim::now() >= sent.time + LONGEST {
        sim::fail("VRF-08", format!("{ddi}: {list:p} was under way for 30 s"));
    }
    if let Some(buffer) = sent.snapshot.buffers().find(|buffer| adapter.is_mapped(*buffer)) {
        sim::fail(
            "VRF-45",
            format!("{ddi}: buffer {buffer:#x} of {list:p} has a list of pieces yet"),
        );
    }
    // SAFETY: as above.
    if unsafe { Snapshot::of(list) } != sent.snapshot {
        sim::fail(
            "SEND-04",
            format!("{ddi}: the buffers of {list:p} or their data were changed while the miniport had it"),
        );
    }
    // SAFETY: as above.
    let word = unsafe { large_word(list) };
    if sent.large && status == NDIS_STATUS_SUCCESS && word != LARGE_SEND_V2 {
        sim::fail("OFL-07", format!("{ddi}: a large send completed with {word:#x}"));
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
    expect_level(ddi, flags);
    expect_no_lock(ddi);
    let mut of_protocols: Vec<(Rc<Binding>, Vec<*mut NET_BUFFER_LIST>)> = Vec::new();
    let mut next = chain;
    while !next.is_null() {
        let list = next;
        let Some(sent) = adapter.sends.pending.borrow_mut().remove(&(list as usize)) else {
            sim::fail("VRF-37", format!("{ddi}: {list:p} is not with the miniport"));
        };
        // SAFETY: a packet that was sent, and is complete.
        unsafe { expect_good(ddi, &adapter, list, &sent) };
        // SAFETY: as above.
        let (status, large) = unsafe { ((*list).Status, large_word(list)) };
        // SAFETY: as above.
        next = unsafe { (*list).Next };
        match sent.owner {
            Owner::Testbed(id, parts) => {
                parts.poison();
                let completion = Completion { id, status, large };
                adapter.sends.completed.borrow_mut().push(completion);
            }
            Owner::Protocol(binding) => {
                packet::arrives(list);
                let known = of_protocols.iter_mut().find(|(of, _)| Rc::ptr_eq(of, &binding));
                match known {
                    Some((_, lists)) => lists.push(list),
                    None => of_protocols.push((binding, vec![list])),
                }
            }
        }
    }
    adapter.sends.last_progress.set(sim::now());
    for (binding, lists) in of_protocols {
        protocol::sent(&binding, &lists);
    }
}
