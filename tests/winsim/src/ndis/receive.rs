//! Receives: packets that a miniport indicates, what has to be true of them, and who is shown them.
//!
//! | rule | what |
//! |---|---|
//! | RECV-01, VRF-43 | the adapter's handle, status SUCCESS, the exact count |
//! | RECV-04 | one buffer for each packet, in one piece that begins at a dword, a frame without tag and not longer than the MTU |
//! | RECV-05 | flags about a chain are true for all of it |
//! | RECV-06, VRF-40 | nothing is indicated in Paused, before a packet filter is set, or when it is set to nothing |
//! | RECV-07 | what is indicated passes the packet filter and the multicast list |
//! | RECV-08 | a DPC indicates no more than NDIS allows, and says that more are pending only if there was a limit |
//! | OFL-03 | a checksum is good or bad, not both |
//! | SEND-08 | a flag that says `DISPATCH_LEVEL` is true |
//! | SEND-12 | the port is the default one |
//! | VRF-38 | no spin lock is held |
//! | VRF-39 | a packet that is with NDIS is not indicated again |
//!
//! How packets go back is in [`super::lent`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::sys::condis::NDIS_RECEIVE_FLAGS_RESOURCES;
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS_SUCCESS, NET_BUFFER_LIST};

use super::adapter::{AdapterState, State};
use super::kernel::{self, Level};
use super::lent::Lent;
use super::send::{expect_level, expect_no_lock};
use super::{packet, protocol, table};
use crate::sim::{self, MILLISECOND, TaskId};

/// Bytes of an Ethernet header.
const HEADER: usize = 14;
/// Bytes of a tag.
const TAG_BYTES: usize = 4;
/// EtherType of a tag.
const TAGGED: [u8; 2] = [0x81, 0];
/// Places in `NetBufferListInfo`.
const CHECKSUM: usize = 0;
const TAG: usize = 4;
const HASH_VALUE: usize = 8;
const HASH_INFO: usize = 9;
/// Pairs of bits in the checksum word of a received packet, failed and succeeded: TCP, UDP, IP.
const VERDICTS: [u32; 3] = [1 | 1 << 3, 1 << 1 | 1 << 4, 1 << 2 | 1 << 5];
/// `NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE`.
const SINGLE_ETHER_TYPE: u32 = 0x100;
/// `NDIS_RECEIVE_FLAGS_SINGLE_VLAN`.
const SINGLE_VLAN: u32 = 0x200;
/// How long after a change of the filter packets of the one before may come.
const CHANGE: u64 = 10 * MILLISECOND;

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

impl Received {
    fn ether_type(&self) -> Option<&[u8]> {
        self.frame.get(12..HEADER)
    }
}

/// Who is shown frames. At `DISPATCH_LEVEL`; no reference into the packet is kept.
pub type Listener = Rc<dyn Fn(&Received)>;

/// The receives of one adapter.
#[derive(Default)]
pub(super) struct Receives {
    /// Packets that are with NDIS or with a protocol driver.
    pub(super) lent: Lent,
    listeners: RefCell<Vec<Listener>>,
    /// The DPCs that run, with how many packets each may indicate yet.
    throttles: RefCell<BTreeMap<TaskId, u32>>,
}

impl Receives {
    /// Shows frames to one more.
    pub(super) fn listen(&self, listener: Listener) {
        self.listeners.borrow_mut().push(listener);
    }

    /// The running context begins a DPC that may indicate so many packets; `u32::MAX` is all.
    pub(super) fn dpc_begins(&self, limit: u32) {
        if let Some(task) = sim::current() {
            self.throttles.borrow_mut().insert(task, limit);
        }
    }

    /// It has ended, and says that more packets are pending, or not.
    pub(super) fn dpc_ends(&self, limit: u32, more: bool) {
        if let Some(task) = sim::current() {
            self.throttles.borrow_mut().remove(&task);
        }
        if more && limit == u32::MAX {
            sim::fail(
                "RECV-08",
                "a DPC that may indicate all packets says that more are pending",
            );
        }
    }

    fn expect_within_limit(&self, ddi: &str, count: u32) {
        let Some(task) = sim::current() else { return };
        let mut throttles = self.throttles.borrow_mut();
        let Some(left) = throttles.get_mut(&task).filter(|left| **left != u32::MAX) else {
            return;
        };
        let Some(rest) = left.checked_sub(count) else {
            sim::fail(
                "RECV-08",
                format!("{ddi}: {count} packets in a DPC that may indicate {left} more"),
            );
        };
        *left = rest;
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
    /// The address that frames for it have.
    pub(super) fn mac(&self) -> [u8; 6] {
        let general = self.attributes.general.borrow();
        general.as_ref().map_or([0; 6], |general| general.current_mac)
    }

    fn expect_indicating(&self, ddi: &str, flags: u32, port: u32) {
        let states = [State::Running, State::Restarting, State::Pausing];
        self.expect("VRF-40", ddi, &states);
        if !self.wants.may_indicate(CHANGE) {
            sim::fail(
                "RECV-06",
                format!("{ddi} on {} without a packet filter", self.name),
            );
        }
        if port != 0 {
            sim::fail(
                "SEND-12",
                format!("{ddi} on port {port}, which was not allocated"),
            );
        }
        expect_no_lock(ddi);
        expect_level(ddi, flags);
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
        let info = |place: usize| seen.NetBufferListInfo[place] as usize as u32;
        let (tag, hash) = (info(TAG), info(HASH_INFO));
        let received = Received {
            frame,
            checksums: info(CHECKSUM),
            tag: ((tag & 7) << 13 | (tag >> 3 & 1) << 12 | tag >> 4 & 0xfff) as u16,
            hash: (hash != 0).then(|| (info(HASH_VALUE), hash)),
            short,
            processor: sim::processor(),
        };
        self.expect_frame(ddi, &received);
        received
    }

    /// RECV-04, RECV-07, OFL-03: a frame that may be there. Behind a tag that was taken out another may be.
    fn expect_frame(&self, ddi: &str, received: &Received) {
        let general = self.attributes.general.borrow();
        let mtu = general.as_ref().map_or(0, |general| general.mtu as usize);
        let length = received.frame.len();
        let tagged = received.ether_type() == Some(&TAGGED);
        let most = mtu + HEADER + TAG_BYTES * usize::from(tagged);
        if length < HEADER || length > most || tagged && received.tag == 0 {
            sim::fail(
                "RECV-04",
                format!("{ddi}: a frame of {length} bytes, tagged: {tagged}"),
            );
        }
        if VERDICTS.iter().any(|both| received.checksums & both == *both) {
            let word = received.checksums;
            sim::fail("OFL-03", format!("{ddi}: checksums both good and bad: {word:#x}"));
        }
        if !self.wants.may_pass(&received.frame, self.mac(), CHANGE) {
            let to = &received.frame[..6];
            sim::fail(
                "RECV-07",
                format!(
                    "{ddi}: a frame to {to:02x?}, which the filter of {} keeps out",
                    self.name
                ),
            );
        }
    }
}

/// RECV-05: what the flags say of the chain.
fn expect_true_flags(ddi: &str, frames: &[Received], flags: u32) {
    let same = |flag: u32, differ: fn(&Received, &Received) -> bool| {
        let differing = frames.windows(2).any(|pair| differ(&pair[0], &pair[1]));
        if flags & flag != 0 && differing {
            sim::fail(
                "RECV-05",
                format!("{ddi}: flags {flags:#x} are not true for all packets of the chain"),
            );
        }
    };
    same(SINGLE_ETHER_TYPE, |one, other| {
        one.ether_type() != other.ether_type()
    });
    same(SINGLE_VLAN, |one, other| one.tag & 0xfff != other.tag & 0xfff);
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
    adapter.expect_indicating(ddi, flags, port);
    let short = flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0;
    let (mut lists, mut frames, mut next) = (Vec::new(), Vec::new(), first);
    while !next.is_null() {
        // SAFETY: the caller's chain.
        frames.push(unsafe { adapter.look_at(ddi, next, short) });
        lists.push(next);
        // SAFETY: as above.
        next = unsafe { (*next).Next };
    }
    if lists.len() != count as usize || count == 0 {
        sim::fail(
            "VRF-43",
            format!("{ddi}: {count} packets, {} in the chain", lists.len()),
        );
    }
    expect_true_flags(ddi, &frames, flags);
    adapter.receives.expect_within_limit(ddi, count);
    // SAFETY: packets that were looked at.
    unsafe { adapter.take_in(&lists, frames, flags) };
}

impl AdapterState {
    /// Shows packets to whoever wants them, and gives back what nobody keeps.
    ///
    /// # Safety
    /// The packets are complete.
    unsafe fn take_in(self: &Rc<Self>, lists: &[*mut NET_BUFFER_LIST], frames: Vec<Received>, flags: u32) {
        let short = flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0;
        self.receives.lent.call_begins();
        if !short {
            // SAFETY: the caller's packets.
            unsafe { self.receives.lent.take(lists) };
        }
        let listeners = self.receives.listeners.borrow().clone();
        for frame in &frames {
            listeners.iter().for_each(|listener| listener(frame));
        }
        let bytes = frames.into_iter().map(|received| received.frame);
        let packets: Vec<_> = lists.iter().copied().zip(bytes).collect();
        // SAFETY: as above; what is not to be given back at once is lent.
        let left = unsafe { protocol::deliver(self, &packets, flags) };
        if short {
            // SAFETY: nobody kept any: the miniport gets the chain that it gave.
            unsafe { protocol::chained(lists) };
        } else {
            let at_once = listeners.is_empty() && left.len() == lists.len();
            self.go_back(&left, at_once);
        }
        self.receives.lent.call_ends();
    }
}
