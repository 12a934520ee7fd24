//! Receives: packets that a miniport indicates, who is shown them, and how they go back.
//!
//! | rule | what |
//! |---|---|
//! | RECV-01, VRF-43 | the adapter's handle, status SUCCESS, the exact count |
//! | RECV-02, RECV-03 | with RESOURCES a packet is the miniport's again when the call returns; without, it comes back at any time, from any processor, in chains of any order |
//! | RECV-04 | one buffer for each packet, in one piece that begins at a dword, a frame without tag and not longer than the MTU |
//! | RECV-06, VRF-40 | nothing is indicated in Paused, or before a packet filter is set |
//! | SEND-08 | a flag that says `DISPATCH_LEVEL` is true |
//! | VRF-37 | no packet is with NDIS when the adapter is paused or halted |
//! | VRF-38 | no spin lock is held |
//! | VRF-39 | a packet that is with NDIS is not indicated again |

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::{
    NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
};
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS_SUCCESS, NET_BUFFER_LIST};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::{packet, table};
use crate::sim::{self, MICROSECOND, Stream};

/// How long a protocol keeps a packet, at most, in nanoseconds.
const LONGEST_HOLD: u64 = 50 * MICROSECOND;
/// Bytes of an Ethernet header.
const HEADER: usize = 14;
/// Places in `NetBufferListInfo`.
const CHECKSUM: usize = 0;
const TAG: usize = 4;
const HASH_VALUE: usize = 8;
const HASH_INFO: usize = 9;

/// A frame as protocols see it, with what came beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The frame, from its destination address on.
    pub frame: Vec<u8>,
    /// `NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO` as a number.
    pub checksums: u32,
    /// Tag control information; 0 for none.
    pub tag: u16,
    /// Hash value, and its type and function as `NetBufferListHashInfo` has them; `None` without.
    pub hash: Option<(u32, u32)>,
    /// It was lent for the call only: the miniport runs short of buffers.
    pub short: bool,
    /// The processor on which it was indicated.
    pub processor: u32,
}

/// Who is shown frames. At `DISPATCH_LEVEL`; no reference into the packet is kept.
pub type Listener = Rc<dyn Fn(&Received)>;

/// The receives of one adapter.
#[derive(Default)]
pub(super) struct Receives {
    /// Packets that are with NDIS.
    lent: RefCell<BTreeSet<usize>>,
    /// Those of them that are on their way back.
    back: RefCell<Vec<usize>>,
    /// A return is scheduled.
    returning: Cell<bool>,
    listeners: RefCell<Vec<Listener>>,
}

impl Receives {
    /// Packets that are with NDIS.
    pub(super) fn outstanding(&self) -> usize {
        self.lent.borrow().len()
    }

    /// Shows frames to one more.
    pub(super) fn listen(&self, listener: Listener) {
        self.listeners.borrow_mut().push(listener);
    }
}

/// The frame of a packet.
///
/// # Safety
/// The packet is complete.
unsafe fn frame_of(ddi: &str, list: *mut NET_BUFFER_LIST) -> Vec<u8> {
    // SAFETY: the caller's packet.
    let Some(buffer) = (unsafe { (*list).FirstNetBuffer.as_ref() }) else {
        sim::fail("RECV-04", format!("{ddi}: {list:p} has no buffer"));
    };
    // SAFETY: a buffer has an MDL, or none.
    let mdl = unsafe { buffer.CurrentMdl.as_ref() };
    let (offset, length) = (buffer.CurrentMdlOffset as usize, buffer.stDataLength);
    let Some(mdl) = mdl.filter(|mdl| mdl.ByteCount as usize >= offset + length) else {
        sim::fail(
            "RECV-04",
            format!("{ddi}: the {length} bytes of {list:p} are not in one piece"),
        );
    };
    let start = mdl.MappedSystemVa.cast::<u8>().wrapping_add(offset);
    if !buffer.Next.is_null() || !(start as usize).is_multiple_of(4) {
        sim::fail(
            "RECV-04",
            format!("{ddi}: {list:p} has more than one frame, or one that begins at {start:p}"),
        );
    }
    // SAFETY: the MDL describes them.
    unsafe { std::slice::from_raw_parts(start, length) }.to_vec()
}

impl AdapterState {
    fn expect_indicating(&self, ddi: &str, flags: u32) {
        let states = [State::Running, State::Restarting, State::Pausing];
        self.expect("VRF-40", ddi, &states);
        if !self.filter_set.get() {
            sim::fail(
                "RECV-06",
                format!("{ddi} on {} before a packet filter", self.name),
            );
        }
        if kernel::locks_held() > 0 {
            sim::fail(
                "VRF-38",
                format!("{ddi} with {} spin locks held", kernel::locks_held()),
            );
        }
        if flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0 && sim::irql() != sim::DISPATCH_LEVEL {
            sim::fail(
                "SEND-08",
                format!("{ddi} says DISPATCH_LEVEL at IRQL {}", sim::irql()),
            );
        }
    }

    /// What is wrong with a packet ends the run; else what it shows.
    ///
    /// # Safety
    /// The packet is complete.
    unsafe fn look_at(&self, ddi: &str, list: *mut NET_BUFFER_LIST, short: bool) -> Received {
        if packet::is_under_way(list as usize) {
            sim::fail("VRF-39", format!("{ddi}: {list:p} is with NDIS already"));
        }
        if !packet::is_of_pool(list as usize) {
            sim::fail(
                packet::PACKET,
                format!("{ddi}: {list:p} is no list of a pool (any more)"),
            );
        }
        // SAFETY: the caller's packet.
        let seen = unsafe { &*list };
        if seen.SourceHandle != self.handle || seen.Status != NDIS_STATUS_SUCCESS {
            sim::fail(
                "RECV-01",
                format!(
                    "{ddi}: {list:p} of {:p} with status {:#x}",
                    seen.SourceHandle, seen.Status
                ),
            );
        }
        // SAFETY: the caller's packet.
        let frame = unsafe { frame_of(ddi, list) };
        let mtu = self
            .attributes
            .general
            .borrow()
            .as_ref()
            .map_or(0, |general| general.mtu);
        let tagged = frame.get(12..14) == Some(&[0x81, 0]);
        if frame.len() < HEADER || frame.len() > mtu as usize + HEADER || tagged {
            sim::fail(
                "RECV-04",
                format!("{ddi}: a frame of {} bytes, tagged: {tagged}", frame.len()),
            );
        }
        let info = |place: usize| seen.NetBufferListInfo[place] as usize as u32;
        let (tag, hash) = (info(TAG), info(HASH_INFO));
        Received {
            frame,
            checksums: info(CHECKSUM),
            tag: ((tag & 7) << 13 | (tag >> 3 & 1) << 12 | tag >> 4 & 0xfff) as u16,
            hash: (hash != 0).then(|| (info(HASH_VALUE), hash)),
            short,
            processor: sim::processor(),
        }
    }

    /// Gives packets back that are on their way, all of them in one chain, in whatever order.
    fn give_back(self: &Rc<Self>, told: bool) {
        let mut back = self.receives.back.take();
        if sim::choose(Stream::Ndis, 4) == 0 {
            back.reverse();
        }
        if back.is_empty() {
            return;
        }
        let mut first: *mut NET_BUFFER_LIST = ptr::null_mut();
        for list in back {
            self.receives.lent.borrow_mut().remove(&list);
            let list = list as *mut NET_BUFFER_LIST;
            packet::arrives(list);
            // SAFETY: a packet that NDIS has.
            unsafe { (*list).Next = first };
            first = list;
        }
        let handler = self.driver.characteristics.ReturnNetBufferListsHandler;
        let handler = handler.expect("checked at registration");
        let (context, first) = (self.context() as usize, first as usize);
        // SAFETY: the driver registered the handler; the packets are its own.
        let call = |flags| unsafe { handler(context as *mut _, first as *mut NET_BUFFER_LIST, flags) };
        if told {
            kernel::at_told_irql(|| call(NDIS_RETURN_FLAGS_DISPATCH_LEVEL));
        } else {
            call(0);
        }
        kernel::expect_clean("MiniportReturnNetBufferLists");
    }

    /// Has packets given back: in this call, or later on any processor.
    fn schedule_return(self: &Rc<Self>) {
        if sim::choose(Stream::Ndis, 8) == 0 {
            return self.give_back(sim::choose(Stream::Ndis, 2) == 1);
        }
        if self.receives.returning.replace(true) {
            return;
        }
        let this = Rc::clone(self);
        let delay = sim::choose(Stream::Ndis, LONGEST_HOLD);
        let processor = sim::choose(Stream::Ndis, kernel::processors(self.host).into()) as u32;
        let worker = sim::choose(Stream::Ndis, 2) == 0;
        let run = move || {
            this.receives.returning.set(false);
            this.give_back(false);
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

/// `NdisMIndicateReceiveNetBufferLists`.
///
/// # Safety
/// The chain is one of packets of the miniport.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMIndicateReceiveNetBufferLists(
    handle: NDIS_HANDLE,
    first: *mut NET_BUFFER_LIST,
    port: u32,
    count: u32,
    flags: u32,
) {
    let ddi = "NdisMIndicateReceiveNetBufferLists";
    kernel::enter(ddi, Level::Dispatch);
    let adapter = table::adapter(handle, ddi);
    adapter.expect_indicating(ddi, flags);
    let short = flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0;
    let (mut lists, mut frames, mut next) = (Vec::new(), Vec::new(), first);
    while !next.is_null() {
        // SAFETY: the caller's chain.
        frames.push(unsafe { adapter.look_at(ddi, next, short) });
        lists.push(next);
        // SAFETY: as above.
        next = unsafe { (*next).Next };
    }
    if lists.len() != count as usize || count == 0 || port != 0 {
        sim::fail(
            "VRF-43",
            format!(
                "{ddi}: {count} packets on port {port}, {} in the chain",
                lists.len()
            ),
        );
    }
    if !short {
        for list in lists {
            // SAFETY: the caller's packet.
            unsafe { packet::departs(list) };
            adapter.receives.lent.borrow_mut().insert(list as usize);
            adapter.receives.back.borrow_mut().push(list as usize);
        }
    }
    let listeners = adapter.receives.listeners.borrow().clone();
    for frame in &frames {
        listeners.iter().for_each(|listener| listener(frame));
    }
    if !short {
        adapter.schedule_return();
    }
}
