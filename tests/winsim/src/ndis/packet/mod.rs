//! Packets that miniports and protocol drivers allocate: pools, lists, buffers and MDLs, and where a buffer's data begins.
//!
//! What is freed is kept for long, filled with addresses that lead nowhere (VRF-39).
//!
//! | rule | what | where |
//! |---|---|---|
//! | VRF-20 | a pool has a tag | `pool` |
//! | VRF-19 | buffers and MDLs are freed once, and what a retreat added is advanced away before | `buffer`, `mdl`, `list`, `space` |
//! | VRF-37 | lists are freed once, as they were allocated, and before their pool | `pool`, `list` |
//! | VRF-42 | an owner that goes has given back its pools and MDLs | [`expect_no_pool_of`] |
//! | DATA-05 | what is under way is not freed | `list`, `buffer`, `mdl` |
//! | NDIS-HANDLE | a pool is used for what it was made for | `pool` |
//! | PACKET | parameters and buffers are as the pages of nblapi.h have them | all |

mod buffer;
mod data;
mod list;
mod mdl;
mod pool;
mod snapshot;
mod space;
#[cfg(test)]
mod tests;
mod under_way;

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use cxndk::sys::ndis::{NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST};
use wdk_standin::_MDL as MDL;

pub(super) use self::pool::Pool;
pub(super) use self::snapshot::Snapshot;

use self::buffer::{Buffer, expect_room};
use self::list::List;
use self::space::Added;
use self::under_way::UnderWay;
pub(super) use self::under_way::{arrives, departs, is_under_way};
use crate::sim;

/// Rule id of packets and their parameters that are not as the pages of nblapi.h have them.
pub(super) const PACKET: &str = "PACKET";

/// What freed memory holds where a pointer was.
const POISON: usize = 0xdead_0000_dead_0000;

/// How many pieces of freed memory nobody gets yet.
const QUARANTINE: usize = 1 << 14;

/// Keeps memory of a packet that nobody may use any more until much more was freed (VRF-39).
pub(super) fn bury<T: 'static>(memory: Box<T>) {
    packets().bury(memory);
}

/// What there is of a run.
#[derive(Default)]
struct Packets {
    pools: RefCell<Vec<Rc<Pool>>>,
    lists: RefCell<BTreeMap<usize, List>>,
    buffers: RefCell<BTreeMap<usize, Buffer>>,
    /// MDLs with their owners.
    mdls: RefCell<BTreeMap<usize, usize>>,
    /// MDLs that a retreat put before the others of a buffer.
    added: RefCell<BTreeMap<usize, Added>>,
    /// Lists that are with a miniport or a client.
    under_way: UnderWay,
    /// What was freed, oldest first.
    freed: RefCell<VecDeque<Box<dyn Any>>>,
}

fn packets() -> Rc<Packets> {
    sim::local::<Packets>()
}

impl Packets {
    /// Keeps memory that nobody may use any more until much more was freed.
    fn bury<T: 'static>(&self, memory: Box<T>) {
        let mut freed = self.freed.borrow_mut();
        freed.push_back(memory);
        if freed.len() > QUARANTINE {
            freed.pop_front();
        }
    }
}

/// VRF-42: the owner gave back its pools and MDLs.
pub(super) fn expect_no_pool_of(owner: NDIS_HANDLE, when: &str) {
    let packets = packets();
    let pools = packets.pools.borrow();
    let left = pools.iter().filter(|pool| pool.is_of(owner)).count();
    let mdls = packets.mdls.borrow();
    let mdls = mdls.values().filter(|of| **of == owner as usize).count();
    if left + mdls > 0 {
        sim::fail(
            "VRF-42",
            format!("{left} packet pools and {mdls} MDLs are left after {when}"),
        );
    }
}

/// Whether a list is one that a pool gave, and is not freed.
pub(super) fn is_of_pool(list: usize) -> bool {
    packets().lists.borrow().contains_key(&list)
}

/// PACKET: the data of each buffer of a list lies in its MDLs.
///
/// # Safety
/// The list is complete.
pub(super) unsafe fn expect_data(ddi: &str, list: *mut NET_BUFFER_LIST) {
    // SAFETY: the caller's list.
    for buffer in unsafe { buffers_of(list) } {
        // SAFETY: a buffer of the list.
        let buffer = unsafe { &*buffer };
        // SAFETY: as above.
        unsafe {
            expect_room(
                ddi,
                buffer.CurrentMdl,
                buffer.CurrentMdlOffset,
                buffer.stDataLength,
            )
        };
    }
}

/// The MDLs of a chain.
///
/// # Safety
/// `first` is a chain of MDLs.
unsafe fn mdls_of(first: *mut MDL) -> Vec<*mut MDL> {
    let (mut found, mut next) = (Vec::new(), first);
    while !next.is_null() {
        found.push(next);
        // SAFETY: the caller's chain.
        next = unsafe { (*next).Next };
    }
    found
}

/// The buffers of a list.
///
/// # Safety
/// The list is complete.
unsafe fn buffers_of(list: *mut NET_BUFFER_LIST) -> Vec<*mut NET_BUFFER> {
    // SAFETY: the caller's list.
    let (mut found, mut next) = (Vec::new(), unsafe { (*list).FirstNetBuffer });
    while !next.is_null() {
        found.push(next);
        // SAFETY: the caller's list.
        next = unsafe { (*next).Next };
    }
    found
}

/// DATA-05: neither a buffer nor an MDL of a list that is under way.
fn expect_not_under_way(ddi: &str, part: usize) {
    if packets().under_way.has(part) {
        sim::fail(
            "DATA-05",
            format!("{ddi}: {part:#x} is part of a list that is under way"),
        );
    }
}
