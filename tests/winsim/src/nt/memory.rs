//! Memory at a known place in a page, so that a device sees the same pieces of it in every run.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use super::pool;
use crate::{pci, sim};

const PAGE: usize = 4096;

/// Zeroed bytes of a host.
pub struct HostMemory {
    start: *mut u8,
    layout: Layout,
    before: usize,
    length: usize,
}

impl HostMemory {
    /// `length` bytes where pool has a block of that size.
    pub fn new(length: usize) -> Self {
        let (layout, before) = pool::layout(length);
        Self::allocate(layout, before, length)
    }

    /// `length` bytes from offset `offset` of a page on.
    ///
    /// # Panics
    ///
    /// When there are more bytes than a machine has.
    pub fn at(offset: usize, length: usize) -> Self {
        let layout = Layout::from_size_align((offset + length).max(1), PAGE).expect("a sane length");
        Self::allocate(layout, offset, length)
    }

    fn allocate(layout: Layout, before: usize, length: usize) -> Self {
        // SAFETY: no layout is empty.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Self {
            start,
            layout,
            before,
            length,
        }
    }

    /// Address of the first byte.
    pub const fn address(&self) -> *mut u8 {
        self.start.wrapping_add(self.before)
    }
}

impl Deref for HostMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the memory is ours, initialised, and lives as long as `self`; the simulation runs on one thread, so no
        // device writes while the slice is looked at.
        unsafe { std::slice::from_raw_parts(self.address(), self.length) }
    }
}

impl DerefMut for HostMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.address(), self.length) }
    }
}

/// Told of the place and length of memory before it is freed.
pub type Watcher = fn(usize, usize);

/// Who wants to know what memory is freed.
#[derive(Default)]
struct Watchers(RefCell<Vec<Watcher>>);

/// Has `watcher` called with the place and length of all memory of hosts that is freed from now on, before it is.
pub fn on_freed(watcher: Watcher) {
    sim::local::<Watchers>().0.borrow_mut().push(watcher);
}

/// Memory is about to be freed.
pub(super) fn freed(start: usize, length: usize) {
    let watchers = sim::local::<Watchers>().0.borrow().clone();
    watchers.iter().for_each(|watcher| watcher(start, length));
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        if sim::is_running() {
            freed(self.address() as usize, self.length);
        }
        if sim::is_running() && !std::thread::panicking() && self.length != 0 {
            pci::memory_freed(self.address() as usize, self.length, || {
                "memory of a host".to_owned()
            });
        }
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start, self.layout) };
    }
}
