//! Host pages that the device keeps its contexts in (connectx.md section 6).
//!
//! The device stamps every page it is given and looks at the stamp when it gives the page back, and now and then in
//! between: a host that takes a page away, or writes to it, is found out.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::command::{Refusal, Status};
use super::event_queue::Event;
use super::init_segment::Health;
use super::{Device, Phase};

/// Bytes of a page, whatever the host's page size.
pub(super) const PAGE: u64 = 4096;
/// Fewest pages asked for in one event, to keep events rare.
const REQUEST_UNIT: u32 = 64;
/// Mixed with the page's own address, so that a page at the wrong place is seen.
const STAMP: u64 = 0x15b3_1017_c0de_5afe;

/// What needs memory, with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    Eq(u32),
    Cq(u32),
    Qp(u32),
    Mkey(u32),
    Sq(u32),
    Rq(u32),
}

impl Holder {
    /// Bytes of context.
    const fn bytes(self) -> u64 {
        match self {
            Self::Eq(_) | Self::Cq(_) => 512,
            Self::Qp(_) | Self::Sq(_) | Self::Rq(_) => 1024,
            Self::Mkey(_) => 256,
        }
    }
}

/// Pages and what they are used for.
#[derive(Default)]
pub(super) struct Pages {
    owned: RefCell<VecDeque<u64>>,
    /// The same, in order.
    sorted: RefCell<BTreeSet<u64>>,
    /// Bytes in use, by holder.
    used: RefCell<BTreeMap<Holder, u64>>,
    used_bytes: Cell<u64>,
    /// Pages asked for by an event and not answered yet.
    requested: Cell<u32>,
    /// `TEARDOWN_HCA` was done: nothing is needed until the host gives pages again.
    torn_down: Cell<bool>,
}

impl Pages {
    /// After `TEARDOWN_HCA` all pages may be taken.
    pub(super) fn tear_down(&self) {
        self.torn_down.set(true);
    }

    pub(super) fn owned(&self) -> u32 {
        self.owned.borrow().len() as u32
    }

    /// Some of the `length` bytes at `bus` are in a page that the device has.
    pub(super) fn owns(&self, bus: u64, length: u64) -> bool {
        let first = bus.saturating_sub(PAGE - 1);
        self.sorted.borrow().range(first..bus + length).next().is_some()
    }

    fn needed_for_objects(&self) -> u32 {
        self.used_bytes.get().div_ceil(PAGE) as u32
    }

    /// All pages are gone without a word: power or function reset.
    pub(super) fn forget(&self) {
        self.owned.borrow_mut().clear();
        self.sorted.borrow_mut().clear();
        self.torn_down.set(false);
        self.forget_objects();
    }

    pub(super) fn forget_objects(&self) {
        self.used.borrow_mut().clear();
        self.used_bytes.set(0);
        self.requested.set(0);
    }
}

/// How to ask `QUERY_PAGES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    Boot,
    Init,
    Regular,
}

impl Device {
    /// Pages that the device itself needs in its present phase, before any object.
    fn fixed_pages(&self) -> u32 {
        match self.phase.get() {
            Phase::Initialized => self.config.boot_pages + self.config.init_pages / 2,
            Phase::Enabled if !self.pages.torn_down.get() => self.config.boot_pages,
            _ => 0,
        }
    }

    /// The answer to `QUERY_PAGES`: how many are missing (positive) or too many (negative).
    pub(super) fn missing_pages(&self, kind: PageKind) -> i32 {
        let owned = self.pages.owned() as i32;
        match kind {
            PageKind::Boot => (self.config.boot_pages as i32 - owned).max(0),
            PageKind::Init => ((self.config.boot_pages + self.config.init_pages) as i32 - owned).max(0),
            PageKind::Regular => {
                let needed = self.fixed_pages() + self.pages.needed_for_objects();
                needed as i32 - owned
            }
        }
    }

    /// Takes pages from the host.
    pub(super) fn give_pages(&self, pages: &[u64]) -> Result<(), Status> {
        let known = |page: u64| self.pages.sorted.borrow().contains(&page);
        if pages
            .iter()
            .any(|&page| page == 0 || page % PAGE != 0 || known(page))
        {
            return Err(Status::BadParameter);
        }
        for &page in pages {
            if self.dma_write(page, &(page ^ STAMP).to_be_bytes()).is_err() {
                self.die(Health::IcmFetch);
                return Err(Status::InternalError);
            }
        }
        self.pages.torn_down.set(false);
        self.pages.owned.borrow_mut().extend(pages);
        self.pages.sorted.borrow_mut().extend(pages);
        self.pages
            .requested
            .set(self.pages.requested.get().saturating_sub(pages.len() as u32));
        Ok(())
    }

    /// Gives up to `count` pages back, as many as are not needed.
    pub(super) fn take_pages(&self, count: u32) -> Result<Vec<u64>, Status> {
        let spare = (-self.missing_pages(PageKind::Regular)).max(0) as u32;
        let count = count.min(spare) as usize;
        let pages: Vec<u64> = self.pages.owned.borrow_mut().drain(..count).collect();
        for &page in &pages {
            self.pages.sorted.borrow_mut().remove(&page);
            self.check_stamp(page)?;
        }
        Ok(pages)
    }

    fn check_stamp(&self, page: u64) -> Result<(), Status> {
        let mut stamp = [0; 8];
        let read = self.dma_read(page, &mut stamp);
        if read.is_ok() && u64::from_be_bytes(stamp) == page ^ STAMP {
            return Ok(());
        }
        if read.is_ok() {
            self.driver_error(
                "connectx.md 6: page ownership",
                &format!("page {page:#x} was written while the device owned it"),
            );
        }
        self.die(Health::IcmPage);
        Err(Status::InternalError)
    }

    /// Memory for an object. May ask the host for pages, and then the command has to wait.
    pub(super) fn claim(&self, holder: Holder, extra_bytes: u64) -> Result<(), Refusal> {
        let bytes = holder.bytes() + extra_bytes;
        let needed = u64::from(self.fixed_pages()) + (self.pages.used_bytes.get() + bytes).div_ceil(PAGE);
        let owned = u64::from(self.pages.owned());
        if needed > owned {
            return Err(self.request_pages((needed - owned) as u32));
        }
        // A look at one page for each object, in turn.
        let page = self.pages.owned.borrow_mut().pop_front();
        if let Some(page) = page {
            self.check_stamp(page)?;
            self.pages.owned.borrow_mut().push_back(page);
        }
        self.pages.used.borrow_mut().insert(holder, bytes);
        self.pages.used_bytes.set(self.pages.used_bytes.get() + bytes);
        Ok(())
    }

    /// The object is gone.
    pub(super) fn release(&self, holder: Holder) {
        let bytes = self.pages.used.borrow_mut().remove(&holder).unwrap_or_default();
        self.pages.used_bytes.set(self.pages.used_bytes.get() - bytes);
    }

    fn request_pages(&self, missing: u32) -> Refusal {
        let disabled = self.caps.borrow().general.page_request_disable() != 0;
        let count = missing.max(REQUEST_UNIT);
        let event = Event::PageRequest(count as i32);
        if disabled || !self.has_event_target(event) {
            return Refusal::Status(Status::NoResources);
        }
        if self.pages.requested.get() < missing {
            self.pages.requested.set(count);
            self.raise_event(event);
        }
        Refusal::NeedsPages
    }

    /// The host cannot give what was asked for.
    pub(super) fn pages_denied(&self) {
        self.pages.requested.set(0);
    }
}
