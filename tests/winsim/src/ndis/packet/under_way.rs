//! Which buffers and MDLs are part of a list that somebody else has.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cxndk::sys::ndis::NET_BUFFER_LIST;

use super::{buffers_of, mdls_of, packets};

/// The lists that are with a miniport or a client, and their parts.
#[derive(Default)]
pub(super) struct UnderWay {
    lists: RefCell<BTreeMap<usize, Vec<usize>>>,
    /// In how many of them a part is.
    parts: RefCell<BTreeMap<usize, usize>>,
}

impl UnderWay {
    /// Whether a buffer or an MDL is part of one of the lists.
    pub(super) fn has(&self, part: usize) -> bool {
        self.parts.borrow().contains_key(&part)
    }
}

/// Whether a list is with a miniport or with a client.
pub(in crate::ndis) fn is_under_way(list: usize) -> bool {
    packets().under_way.lists.borrow().contains_key(&list)
}

/// A list goes to somebody else, as it is now.
///
/// # Safety
/// The list is complete.
pub(in crate::ndis) unsafe fn departs(list: *mut NET_BUFFER_LIST) {
    let mut found = Vec::new();
    // SAFETY: the caller's list.
    for buffer in unsafe { buffers_of(list) } {
        found.push(buffer as usize);
        // SAFETY: a buffer of the list.
        let mdls = unsafe { mdls_of((*buffer).MdlChain) };
        found.extend(mdls.into_iter().map(|mdl| mdl as usize));
    }
    let packets = packets();
    let mut parts = packets.under_way.parts.borrow_mut();
    for part in &found {
        *parts.entry(*part).or_default() += 1;
    }
    packets.under_way.lists.borrow_mut().insert(list as usize, found);
}

/// A list is back with its owner, with what it had when it went.
pub(in crate::ndis) fn arrives(list: *mut NET_BUFFER_LIST) {
    let packets = packets();
    let found = packets.under_way.lists.borrow_mut().remove(&(list as usize));
    let mut parts = packets.under_way.parts.borrow_mut();
    for part in found.into_iter().flatten() {
        let left = parts.get_mut(&part).map_or(0, |count| {
            *count -= 1;
            *count
        });
        if left == 0 {
            parts.remove(&part);
        }
    }
}
