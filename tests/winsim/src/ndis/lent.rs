//! Received packets that the miniport lent, and how they go back to it.
//!
//! A packet is with a protocol driver until that returns it, then with NDIS, which gives it back at a time, from a processor and in an
//! order that the seed says, together with those of other indications. What NDIS has leads nowhere meanwhile (VRF-39).
//!
//! | rule | what |
//! |---|---|
//! | RECV-02 | with RESOURCES a packet is the miniport's again when the call returns, without it NDIS gives it back; nobody writes to it meanwhile |
//! | RECV-03 | `MiniportReturnNetBufferLists` gets chains of any packets, at any level up to `DISPATCH_LEVEL` |
//! | DATA-12 | a protocol driver returns what it has |
//! | VRF-37 | no packet is with NDIS when the adapter is paused or halted |

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::sys::condis::NDIS_RETURN_FLAGS_DISPATCH_LEVEL;
use cxndk::sys::ndis::{NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::packet::{self, Snapshot};
use super::protocol::{self, Binding};
use super::{condis, protocol::open_binding};
use crate::nt;
use crate::sim::{self, MICROSECOND, Stream};

/// How long NDIS keeps a packet that nobody has any more before it looks again, at most, in nanoseconds.
const LONGEST_HOLD: u64 = 50 * MICROSECOND;
/// How often a packet misses a chance to go back, at most.
const MOST_MISSED: u8 = 3;
/// Where a packet leads that NDIS has.
const POISON: usize = 0xdead_0000_dead_0000;

/// Who has a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// NDIS, in the call that indicated it.
    Call,
    /// The protocol driver with this binding.
    Protocol(usize),
    /// NDIS, for a while.
    Ndis {
        /// Chances to go back that it missed.
        missed: u8,
    },
}

/// A packet that is not with the miniport.
struct Away {
    holder: Holder,
    buffer: *mut NET_BUFFER,
    snapshot: Snapshot,
}

/// The packets of one adapter that are away.
#[derive(Default)]
pub(super) struct Lent {
    away: RefCell<BTreeMap<usize, Away>>,
    /// Those that NDIS has, in the order in which it got them.
    waiting: RefCell<Vec<usize>>,
    /// A return is scheduled.
    scheduled: Cell<bool>,
    /// Calls of the miniport that indicate.
    calls: Cell<u32>,
}

impl Lent {
    /// Packets that are away.
    pub(super) fn outstanding(&self) -> usize {
        self.away.borrow().len()
    }

    /// Calls that indicate and have not returned.
    pub(super) fn calls(&self) -> u32 {
        self.calls.get()
    }

    pub(super) fn call_begins(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    pub(super) fn call_ends(&self) {
        self.calls.set(self.calls.get() - 1);
    }

    /// The miniport indicates packets, and gets them back later.
    ///
    /// # Safety
    /// They are complete.
    pub(super) unsafe fn take(&self, lists: &[*mut NET_BUFFER_LIST]) {
        for list in lists {
            // SAFETY: the caller's packet.
            unsafe { packet::departs(*list) };
            let away = Away {
                holder: Holder::Call,
                // SAFETY: as above.
                buffer: unsafe { (**list).FirstNetBuffer },
                // SAFETY: as above.
                snapshot: unsafe { Snapshot::of(*list) },
            };
            self.away.borrow_mut().insert(*list as usize, away);
        }
    }

    /// How many packets a binding has.
    pub(super) fn with_protocol(&self, binding: NDIS_HANDLE) -> usize {
        let holder = Holder::Protocol(binding as usize);
        let away = self.away.borrow();
        away.values().filter(|packet| packet.holder == holder).count()
    }

    fn is_with(&self, list: usize, binding: NDIS_HANDLE) -> bool {
        let away = self.away.borrow();
        let holder = away.get(&list).map(|packet| packet.holder);
        holder == Some(Holder::Protocol(binding as usize))
    }

    /// Packets go to a binding.
    pub(super) fn lend_to(&self, binding: NDIS_HANDLE, lists: &[*mut NET_BUFFER_LIST]) {
        self.hold(lists, Holder::Protocol(binding as usize));
    }

    fn hold(&self, lists: &[*mut NET_BUFFER_LIST], holder: Holder) {
        let mut away = self.away.borrow_mut();
        for list in lists {
            if let Some(packet) = away.get_mut(&(*list as usize)) {
                packet.holder = holder;
            }
        }
    }

    /// NDIS has packets from now on: they lead nowhere.
    fn keep(&self, lists: &[*mut NET_BUFFER_LIST]) {
        self.hold(lists, Holder::Ndis { missed: 0 });
        for list in lists {
            // SAFETY: a packet that NDIS has, and nobody else may use.
            let list = unsafe { &mut **list };
            list.Next = POISON as *mut NET_BUFFER_LIST;
            list.FirstNetBuffer = POISON as *mut NET_BUFFER;
            list.Scratch = POISON as *mut _;
        }
        self.waiting
            .borrow_mut()
            .extend(lists.iter().map(|list| *list as usize));
    }

    /// Takes those that go back now, in the order in which they go; `all` leaves none.
    fn leave(&self, all: bool) -> Vec<usize> {
        let mut away = self.away.borrow_mut();
        let mut stays = |list: &usize| {
            let Some(Holder::Ndis { missed }) = away.get_mut(list).map(|packet| &mut packet.holder) else {
                return false;
            };
            let stays = !all && *missed < MOST_MISSED && sim::choose(Stream::Ndis, 4) == 0;
            *missed += u8::from(stays);
            stays
        };
        let (kept, mut going): (Vec<_>, Vec<_>) = self.waiting.take().into_iter().partition(&mut stays);
        self.waiting.replace(kept);
        match sim::choose(Stream::Ndis, 4) {
            0 => going.reverse(),
            1 => {
                let middle = going.len() / 2;
                going.rotate_left(middle);
            }
            _ => {}
        }
        going
    }

    /// RECV-02: a packet goes back as it came.
    fn restore(&self, list: usize) -> *mut NET_BUFFER_LIST {
        let away = self.away.borrow_mut().remove(&list);
        packet::arrives(list as *mut NET_BUFFER_LIST);
        let list = list as *mut NET_BUFFER_LIST;
        let Some(away) = away else { return list };
        // SAFETY: a packet that NDIS has.
        unsafe { (*list).FirstNetBuffer = away.buffer };
        // SAFETY: as above.
        if unsafe { Snapshot::of(list) } != away.snapshot {
            sim::fail(
                "RECV-02",
                format!("the buffer of {list:p} or its data were changed while it was lent"),
            );
        }
        list
    }
}

impl AdapterState {
    /// Packets that nobody has any more: NDIS gives them back in this call, or later.
    pub(super) fn go_back(self: &Rc<Self>, lists: &[*mut NET_BUFFER_LIST], at_once: bool) {
        self.receives.lent.keep(lists);
        if at_once || sim::choose(Stream::Ndis, 8) == 0 {
            self.give_back(at_once);
        }
        self.schedule_return();
    }

    /// Gives back packets that NDIS has, in one chain.
    fn give_back(self: &Rc<Self>, all: bool) {
        let lent = &self.receives.lent;
        let going = lent.leave(all || self.state.get() == State::Pausing);
        let lists: Vec<_> = going.into_iter().map(|list| lent.restore(list)).collect();
        if lists.is_empty() {
            return;
        }
        // SAFETY: packets that NDIS has.
        let first = unsafe { protocol::chained(&lists) };
        self.call_return(first, sim::choose(Stream::Ndis, 2) == 1);
    }

    /// `MiniportReturnNetBufferLists`, at the running IRQL, or at `DISPATCH_LEVEL` and with the flag that says so.
    fn call_return(&self, first: *mut NET_BUFFER_LIST, told: bool) {
        let name = "MiniportReturnNetBufferLists";
        let handler = self.driver.characteristics.ReturnNetBufferListsHandler;
        let handler = handler.expect("checked at registration");
        let (context, first) = (self.context() as usize, first as usize);
        // SAFETY: the driver registered the handler; the packets are its own.
        let call = |flags| unsafe { handler(context as *mut _, first as *mut NET_BUFFER_LIST, flags) };
        if told {
            let call = || call(NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
            kernel::at_told_irql(|| nt::call_driver(name, sim::DISPATCH_LEVEL, call));
        } else {
            nt::call_driver(name, sim::irql(), || call(0));
        }
    }

    /// Has packets that NDIS has given back later: by a thread, or by a DPC on any processor.
    fn schedule_return(self: &Rc<Self>) {
        let lent = &self.receives.lent;
        if lent.waiting.borrow().is_empty() || lent.scheduled.replace(true) {
            return;
        }
        let this = Rc::clone(self);
        let delay = sim::choose(Stream::Ndis, LONGEST_HOLD);
        let processor = sim::choose(Stream::Ndis, kernel::processors(self.host).into()) as u32;
        let worker = sim::choose(Stream::Ndis, 2) == 0;
        let run = move || {
            this.receives.lent.scheduled.set(false);
            this.give_back(false);
            this.schedule_return();
        };
        let host = self.host;
        sim::after(delay, move || {
            if worker {
                kernel::worker(host, "return of packets", run);
            } else {
                kernel::queue_dpc(host, processor, run);
            }
        });
    }
}

/// `NdisReturnNetBufferLists`: what a protocol driver was lent, by the adapter, or by VCs on it if it is a client of them.
///
/// # Safety
/// The chain is one of packets that were indicated on the binding.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisReturnNetBufferLists(
    handle: NDIS_HANDLE,
    first: *mut NET_BUFFER_LIST,
    flags: u32,
) {
    let ddi = "NdisReturnNetBufferLists";
    condis::enter(ddi, Level::Dispatch);
    condis::expect_level(ddi, flags & NDIS_RETURN_FLAGS_DISPATCH_LEVEL != 0);
    let binding = open_binding(handle, ddi);
    let (mut plain, mut of_vcs, mut next) = (Vec::new(), Vec::new(), first);
    while !next.is_null() {
        if binding
            .adapter
            .receives
            .lent
            .is_with(next as usize, binding.handle)
        {
            plain.push(next);
        } else {
            condis::expect_lent(ddi, &binding, next);
            of_vcs.push(next);
        }
        // SAFETY: a packet that the protocol driver has.
        next = unsafe { (*next).Next };
    }
    return_plain(&binding, &plain);
    if !of_vcs.is_empty() {
        condis::return_of_vcs(&binding, &of_vcs, flags);
    }
}

fn return_plain(binding: &Binding, lists: &[*mut NET_BUFFER_LIST]) {
    if !lists.is_empty() {
        binding.adapter.go_back(lists, false);
    }
}
