//! The IOMMU of one function: which host memory its bus addresses reach.
//!
//! Every mapping gets bus addresses of its own, unlike the pointers and not reused for long, so that a stale address or a
//! pointer used as an address reaches nothing. The part of a page outside of the mapped bytes is out of reach too.

use super::PciFunction;
use crate::sim::{self, Stream};
use intervals::Intervals;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

/// Bytes of a page.
pub const PAGE: usize = 4096;
const PAGE_MASK: u64 = PAGE as u64 - 1;
/// Pages that stay unused after they were unmapped, before their addresses may come again.
const QUARANTINE: usize = 1 << 18;

/// Rule id of memory that is unmapped although the device has it.
const IN_USE: &str = "connectx.md 17: DMA memory freed";

/// What the device may do with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads of the device only.
    Read,
    /// Reads and writes of the device.
    ReadWrite,
}

/// An access that reached nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DMA {} {address:#x}+{length:#x}: {}", if *.write { "write to" } else { "read of" }, self.why())]
pub struct DmaFault {
    /// First bus address that is out of reach.
    pub address: u64,
    /// Bytes that were left to do.
    pub length: usize,
    /// The device meant to write.
    pub write: bool,
    /// The address was mapped once.
    pub stale: bool,
}

impl DmaFault {
    const fn why(&self) -> &'static str {
        if self.stale {
            "no longer mapped, or not so far"
        } else {
            "never mapped"
        }
    }
}

/// One page: the host page, and which of its bytes are mapped. Empty when `from == to`.
#[derive(Clone, Copy)]
struct Entry {
    host: usize,
    from: u16,
    to: u16,
    writable: bool,
}

const EMPTY: Entry = Entry {
    host: 0,
    from: 0,
    to: 0,
    writable: false,
};

/// The mappings of one function.
pub struct Domain {
    base: u64,
    pages: RefCell<Vec<Entry>>,
    freed: RefCell<VecDeque<u32>>,
    /// Where in host memory the mappings lie. Each is its own holder, by its bus address.
    hosts: RefCell<Intervals<u64>>,
    /// The device whose domain it is.
    device: OnceCell<Weak<dyn PciFunction>>,
    mapped: Cell<usize>,
    attached: Cell<bool>,
    /// The function may begin transactions: the bus master bit of its command register.
    master: Cell<bool>,
    /// The mapping that begins at bus address 0, and the fewest pages that one has to have to get there.
    low: RefCell<Vec<Entry>>,
    low_from: Cell<usize>,
}

impl Domain {
    /// An empty domain whose addresses start at a seeded place.
    pub(crate) fn new() -> Rc<Self> {
        let base = (0x10_0000 + sim::choose(Stream::Bus, 0x10_0000)) << 16;
        Rc::new(Self {
            base,
            pages: RefCell::default(),
            freed: RefCell::default(),
            hosts: RefCell::default(),
            device: OnceCell::new(),
            mapped: Cell::new(0),
            attached: Cell::new(true),
            master: Cell::new(true),
            low: RefCell::default(),
            low_from: Cell::new(usize::MAX),
        })
    }

    /// Maps `length` bytes at `host` (1 or more) to consecutive bus addresses and returns the first. The offset in the
    /// page is kept.
    ///
    /// The caller keeps the memory alive until [`Self::unmap`].
    pub fn map(&self, host: *mut u8, length: usize, access: Access) -> u64 {
        assert!(length > 0, "an empty mapping");
        let offset = host as usize % PAGE;
        let count = (offset + length).div_ceil(PAGE);
        let entry = |index: usize| {
            let from = if index == 0 { offset } else { 0 };
            let to = (offset + length - index * PAGE).min(PAGE);
            Entry {
                host: host as usize - offset + index * PAGE,
                from: from as u16,
                to: to as u16,
                writable: access == Access::ReadWrite,
            }
        };
        self.mapped.set(self.mapped.get() + count);
        let host = host as u64;
        let known = |bus| {
            self.hosts.borrow_mut().insert(host, host + length as u64, bus);
            bus
        };
        if count >= self.low_from.get() && offset == 0 && self.low.borrow().is_empty() {
            self.low.replace((0..count).map(entry).collect());
            return known(0);
        }
        let first = self.place(count);
        let mut pages = self.pages.borrow_mut();
        for index in 0..count {
            pages[first + index] = entry(index);
        }
        known(self.base + (first * PAGE + offset) as u64)
    }

    /// Gives bus address 0 to the next mapping of `pages` pages or more that begins at a page, and again after that has ended.
    pub fn offer_zero(&self, pages: usize) {
        self.low_from.set(pages);
    }

    /// Lets the function begin transactions, or not.
    pub(super) fn set_master(&self, master: bool) {
        self.master.set(master);
    }

    /// Whether the function may begin transactions.
    pub(super) fn is_master(&self) -> bool {
        self.master.get() && self.attached.get()
    }

    /// Finds `count` consecutive unused pages; a gap of random size keeps neighbours apart most of the time.
    fn place(&self, count: usize) -> usize {
        let mut freed = self.freed.borrow_mut();
        if count == 1 && freed.len() > QUARANTINE {
            return freed.pop_front().map_or(0, |page| page as usize);
        }
        let mut pages = self.pages.borrow_mut();
        let first = pages.len() + sim::choose(Stream::Bus, 3) as usize;
        pages.resize(first + count, EMPTY);
        first
    }

    /// Ends the mapping of `length` bytes at `bus`, as [`Self::map`] returned it. False if it was not mapped so.
    pub fn unmap(&self, bus: u64, length: usize) -> bool {
        if bus == 0 && self.low.borrow().len() == length.div_ceil(PAGE) && length > 0 {
            let low = self.low.take();
            self.mapped.set(self.mapped.get() - low.len());
            self.forget(&low, 0);
            return true;
        }
        let Some(start) = bus.checked_sub(self.base) else {
            return false;
        };
        let offset = (start & PAGE_MASK) as usize;
        let first = start as usize / PAGE;
        let count = (offset + length).div_ceil(PAGE);
        let mut pages = self.pages.borrow_mut();
        let Some(entries) = pages.get_mut(first..first + count) else {
            return false;
        };
        if entries.iter().any(|entry| entry.from == entry.to) || usize::from(entries[0].from) != offset {
            return false;
        }
        self.forget(entries, bus);
        entries.fill(EMPTY);
        self.freed
            .borrow_mut()
            .extend((first..first + count).map(|page| page as u32));
        self.mapped.set(self.mapped.get() - count);
        true
    }

    /// The mapping of these pages at `bus` lies nowhere in host memory any more.
    fn forget(&self, entries: &[Entry], bus: u64) {
        if let Some((first, last)) = entries.first().zip(entries.last()) {
            let start = first.host + usize::from(first.from);
            let end = last.host + usize::from(last.to);
            self.hosts.borrow_mut().remove(start as u64, end as u64, bus);
        }
    }

    /// Whose domain it is.
    pub(super) fn watch(&self, device: &Rc<dyn PciFunction>) {
        let _ = self.device.set(Rc::downgrade(device));
    }

    /// What a driver's call does to end a mapping: [`Self::unmap`], of memory that the device knows no more of
    /// (connectx.md section 17).
    pub fn give_back(&self, bus: u64, length: usize) -> bool {
        let device = self.device.get().and_then(Weak::upgrade);
        let user = device
            .filter(|_| self.is_master())
            .and_then(|device| device.uses(bus, length));
        if let Some(user) = user {
            let text = format!("{length:#x} bytes at bus address {bus:#x} are unmapped, but {user} is there");
            sim::fail(IN_USE, text);
        }
        self.unmap(bus, length)
    }

    /// Where the device reaches one of the `length` bytes of host memory at `address`.
    pub(super) fn reaches(&self, address: usize, length: usize) -> Option<u64> {
        if !self.is_master() || length == 0 {
            return None;
        }
        let (start, end) = (address as u64, (address + length) as u64);
        let hosts = self.hosts.borrow();
        hosts.overlapping(start, end).next().map(|(_, _, bus)| bus)
    }

    /// How many pages are mapped.
    pub fn mapped_pages(&self) -> usize {
        self.mapped.get()
    }

    /// Lets no access through any more, and reports none: the device is gone.
    pub(super) fn detach(&self) {
        self.attached.set(false);
    }

    /// The host address behind `bus` and how many bytes follow in the same page, at most `length`.
    fn piece(&self, bus: u64, length: usize, write: bool) -> Result<(*mut u8, usize), DmaFault> {
        let fault = |stale| DmaFault {
            address: bus,
            length,
            write,
            stale,
        };
        let (pages, start) = match bus.checked_sub(self.base) {
            Some(start) => (self.pages.borrow(), start),
            None => (self.low.borrow(), bus),
        };
        let offset = (start & PAGE_MASK) as usize;
        let entry = pages.get(start as usize / PAGE).ok_or_else(|| fault(false))?;
        let (from, to) = (usize::from(entry.from), usize::from(entry.to));
        if offset < from || offset >= to || (write && !entry.writable) {
            return Err(fault(true));
        }
        Ok(((entry.host + offset) as *mut u8, length.min(to - offset)))
    }
}

/// A device's way to host memory through its domain.
///
/// An access that reaches nothing ends the run (DMA-06 for an address that was mapped once, DMA-08 for any other), unless
/// the handle is [`Self::tolerant`], the device was removed, or it may not begin transactions; then it is an error.
#[derive(Clone)]
pub struct Dma {
    domain: Rc<Domain>,
    tolerant: bool,
}

impl Dma {
    pub(super) const fn new(domain: Rc<Domain>) -> Self {
        Self {
            domain,
            tolerant: false,
        }
    }

    /// The same way, on which a fault is only an error.
    pub fn tolerant(&self) -> Self {
        Self {
            domain: Rc::clone(&self.domain),
            tolerant: true,
        }
    }

    /// Reads host memory.
    ///
    /// # Errors
    ///
    /// The first part that is out of reach; what lies before it was read.
    pub fn read(&self, bus: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        let mut done = 0;
        self.with(bus, into.len(), |piece| {
            into[done..done + piece.len()].copy_from_slice(piece);
            done += piece.len();
        })
    }

    /// Writes host memory.
    ///
    /// # Errors
    ///
    /// The first part that is out of reach; what lies before it was written.
    pub fn write(&self, bus: u64, from: &[u8]) -> Result<(), DmaFault> {
        let mut done = 0;
        self.with_mut(bus, from.len(), |piece| {
            piece.copy_from_slice(&from[done..done + piece.len()]);
            done += piece.len();
        })
    }

    /// Shows host memory to `f`, piece by piece in order; pieces that lie together in host memory come as one.
    ///
    /// # Errors
    ///
    /// The first part that is out of reach; what lies before it was shown.
    pub fn with(&self, bus: u64, length: usize, mut f: impl FnMut(&[u8])) -> Result<(), DmaFault> {
        self.each(bus, length, false, |start, length| {
            // SAFETY: whoever mapped the memory keeps it alive, and nothing else runs while the device reads.
            f(unsafe { std::slice::from_raw_parts(start, length) });
        })
    }

    /// The same for writing.
    ///
    /// # Errors
    ///
    /// The first part that is out of reach; what lies before it was shown.
    pub fn with_mut(&self, bus: u64, length: usize, mut f: impl FnMut(&mut [u8])) -> Result<(), DmaFault> {
        self.each(bus, length, true, |start, length| {
            // SAFETY: as in `with`; the driver holds no reference to memory that it shares with a device.
            f(unsafe { std::slice::from_raw_parts_mut(start, length) });
        })
    }

    fn each(
        &self,
        bus: u64,
        length: usize,
        write: bool,
        mut f: impl FnMut(*mut u8, usize),
    ) -> Result<(), DmaFault> {
        let (mut bus, mut left) = (bus, length);
        while left > 0 {
            let (start, mut run) = self.piece(bus, left, write)?;
            while run < left {
                match self.domain.piece(bus + run as u64, left - run, write) {
                    Ok((next, more)) if next as usize == start as usize + run => run += more,
                    _ => break,
                }
            }
            f(start, run);
            bus += run as u64;
            left -= run;
        }
        Ok(())
    }

    fn piece(&self, bus: u64, length: usize, write: bool) -> Result<(*mut u8, usize), DmaFault> {
        if !self.domain.is_master() {
            return Err(DmaFault {
                address: bus,
                length,
                write,
                stale: true,
            });
        }
        self.domain.piece(bus, length, write).inspect_err(|fault| {
            if !self.tolerant {
                sim::fail(if fault.stale { "DMA-06" } else { "DMA-08" }, fault.to_string());
            }
        })
    }
}
