//! Memory that a consumer has lent: regions and mappings, who uses them, and that nobody frees it meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use cxndk::sys::ndkpi::{
    NDK_LOGICAL_ADDRESS_MAPPING, NDK_MR, NDK_MR_DISPATCH, NDK_MR_FLAG_ALLOW_LOCAL_WRITE,
    NDK_MR_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ,
    NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_RDMA_READ_SINK, NDK_SGE,
};
use wdk_standin::_MDL as MDL;

use super::misuse;
use super::pair::{Entry, Operation, Pairs, Queue};
use crate::ndis::ndk::track::{Object, Open, breach};
use crate::nt;
use crate::sim;

/// `NDK_MR_FLAG_ALLOW_REMOTE_READ`.
const REMOTE_READ: u32 = 2;
/// The bit of `NDK_MR_FLAG_ALLOW_REMOTE_WRITE` that is not the local write in it.
const REMOTE_WRITE: u32 = 4;
const PAGE: u64 = 4096;

/// What a memory key of the device allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyRights {
    /// Written for requests of this host.
    pub local_write: bool,
    /// Read for the peer.
    pub remote_read: bool,
    /// Written for the peer.
    pub remote_write: bool,
}

/// Looks at the key that a token names; `None` if the device has none or it gives no access.
pub type KeyInspector = Rc<dyn Fn(u32) -> Option<KeyRights>>;

/// What one open of an adapter has of memory.
#[derive(Default)]
pub(in crate::ndis::ndk) struct Lent {
    /// Regions by the token that the consumer asked for.
    tokens: RefCell<BTreeMap<u32, Rc<Object>>>,
    privileged: Cell<Option<u32>>,
    /// Logical address mappings by the place of their structure.
    mappings: RefCell<BTreeMap<usize, Rc<Mapping>>>,
    pub(in crate::ndis::ndk) inspector: RefCell<Option<KeyInspector>>,
}

impl Lent {
    /// How many mappings are not released.
    pub(in crate::ndis::ndk) fn mappings(&self) -> usize {
        self.mappings.borrow().len()
    }

    /// `NdkGetPrivilegedMemoryRegionToken`.
    pub(in crate::ndis::ndk) fn privileged(&self, token: u32) {
        self.privileged.set(Some(token));
    }

    fn mapping_of(&self, address: u64) -> Option<Rc<Mapping>> {
        let mappings = self.mappings.borrow();
        let page = address & !(PAGE - 1);
        mappings
            .values()
            .find(|mapping| mapping.pages.contains(&page))
            .cloned()
    }
}

/// A logical address mapping.
pub(in crate::ndis::ndk) struct Mapping {
    context: usize,
    pages: Vec<u64>,
    uses: Cell<u32>,
    _memory: Held,
}

/// What an accepted request needs until it is complete.
pub(in crate::ndis::ndk) enum Use {
    Region(Rc<Object>),
    Mapping(Rc<Mapping>),
}

impl Use {
    fn count(&self) -> &Cell<u32> {
        match self {
            Self::Region(region) => &region.books.uses,
            Self::Mapping(mapping) => &mapping.uses,
        }
    }

    /// Whether it is this region.
    pub(super) fn is(&self, other: &Object) -> bool {
        matches!(self, Self::Region(region) if region.id == other.id)
    }

    fn begin(self) -> Self {
        let count = self.count();
        count.set(count.get() + 1);
        self
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let count = self.count();
        count.set(count.get() - 1);
    }
}

/// What a scatter/gather list names, and its length; nothing of data that is captured in the call.
pub(in crate::ndis::ndk) fn uses_of(
    open: &Open,
    sges: *const NDK_SGE,
    count: u32,
    flags: u32,
) -> (Vec<Use>, u64) {
    if sges.is_null() || count == 0 || flags & NDK_OP_FLAG_INLINE != 0 {
        return (Vec::new(), 0);
    }
    // SAFETY: the consumer gives so many entries.
    let sges = unsafe { std::slice::from_raw_parts(sges, count as usize) };
    let room = sges.iter().map(|sge| u64::from(sge.Length)).sum();
    let lent = &open.lent;
    let one = |sge: &NDK_SGE| {
        if Some(sge.MemoryRegionToken) == lent.privileged.get() {
            return lent.mapping_of(sge.VirtualAddress as u64).map(Use::Mapping);
        }
        let tokens = lent.tokens.borrow();
        tokens.get(&sge.MemoryRegionToken).cloned().map(Use::Region)
    };
    (sges.iter().filter_map(one).map(Use::begin).collect(), room)
}

/// What a fast registration needs: the region, and the mappings of its pages.
pub(in crate::ndis::ndk) fn uses_of_pages(region: &Rc<Object>, pages: *const i64, count: u32) -> Vec<Use> {
    let mut uses = vec![Use::Region(Rc::clone(region)).begin()];
    if pages.is_null() || count == 0 {
        return uses;
    }
    // SAFETY: the consumer gives so many pages.
    let pages = unsafe { std::slice::from_raw_parts(pages, count as usize) };
    // A list is mostly of one mapping: it is enough to know the ends.
    for page in [pages.first(), pages.last()].into_iter().flatten() {
        let mapping = region.open.lent.mapping_of(*page as u64);
        uses.extend(mapping.map(|mapping| Use::Mapping(mapping).begin()));
    }
    uses
}

/// The pages under a region or mapping.
#[derive(Default)]
pub(in crate::ndis::ndk) struct Registered(RefCell<Option<Held>>);

/// Memory that must not be freed; freed or not, it is forgotten when this is dropped.
struct Held(Vec<(usize, usize)>);

/// All memory that is lent: where it begins, how long it is, how often.
#[derive(Default)]
struct Everything {
    watching: Cell<bool>,
    pieces: RefCell<BTreeMap<(usize, usize), u32>>,
}

impl Held {
    fn new(pieces: Vec<(usize, usize)>) -> Self {
        let everything = sim::local::<Everything>();
        if !everything.watching.replace(true) {
            nt::on_freed(freed);
        }
        let mut all = everything.pieces.borrow_mut();
        for piece in &pieces {
            *all.entry(*piece).or_default() += 1;
        }
        Self(pieces)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !sim::is_running() {
            return;
        }
        let everything = sim::local::<Everything>();
        let mut all = everything.pieces.borrow_mut();
        for piece in &self.0 {
            let count = all.get_mut(piece).expect("it was lent");
            *count -= 1;
            if *count == 0 {
                all.remove(piece);
            }
        }
    }
}

/// LEDGER-02: memory goes back to where it came from.
fn freed(start: usize, length: usize) {
    let everything = sim::local::<Everything>();
    let pieces = everything.pieces.borrow();
    let within = |(at, long): &(usize, usize)| *at < start + length && start < at + long;
    // Pieces do not overlap in general, so the last one that begins before the end is the one to look at; a few more do no harm.
    let hit = pieces
        .range(..(start + length, 0))
        .rev()
        .take(8)
        .any(|(piece, _)| within(piece));
    drop(pieces);
    if hit {
        misuse(
            "LEDGER-02",
            format!("{length:#x} bytes are freed that are registered or mapped"),
        );
    }
}

/// The pieces of memory that an MDL chain describes, up to a length.
fn pieces(mut mdl: *mut MDL, length: u64) -> Vec<(usize, usize)> {
    let (mut pieces, mut left) = (Vec::new(), usize::try_from(length).unwrap_or(usize::MAX));
    while !mdl.is_null() && left > 0 {
        // SAFETY: the chain is the consumer's and not touched while the request runs (MR-76).
        let one = unsafe { &*mdl };
        let bytes = (one.ByteCount as usize).min(left);
        pieces.push((one.StartVa as usize + one.ByteOffset as usize, bytes));
        left -= bytes;
        mdl = one.Next;
    }
    pieces
}

/// A registration that was asked for.
pub(in crate::ndis::ndk) struct Registration {
    pieces: Vec<(usize, usize)>,
    flags: u32,
}

impl Registration {
    pub(in crate::ndis::ndk) fn new(mdl: *mut MDL, length: u64, flags: u32) -> Self {
        let pieces = pieces(mdl, length);
        Self { pieces, flags }
    }

    /// It is there: the memory is lent, and the key grants no more than was asked for (LEDGER-03).
    pub(in crate::ndis::ndk) fn made(&self, region: &Rc<Object>) {
        region
            .books
            .memory
            .0
            .replace(Some(Held::new(self.pieces.clone())));
        check_rights(region, self.flags, "NdkRegisterMr");
    }
}

fn check_rights(region: &Object, asked: u32, what: &str) {
    let inspector = region.open.lent.inspector.borrow().clone();
    let Some(inspector) = inspector else { return };
    // SAFETY: the object is a region, so its table is this one.
    let table = unsafe { region.table::<NDK_MR_DISPATCH>() };
    let token = table.NdkGetRemoteTokenFromMr.expect("checked at hand-out");
    // SAFETY: the region is registered, so it has a token (MR-40, MR-41).
    let token = unsafe { token(region.address as *mut NDK_MR) };
    let Some(granted) = inspector(token) else { return };
    let sink = NDK_MR_FLAG_RDMA_READ_SINK;
    for (granted, bits, name) in [
        (granted.remote_write, REMOTE_WRITE, "remote write"),
        (granted.remote_read, REMOTE_READ, "remote read"),
        (
            granted.local_write,
            NDK_MR_FLAG_ALLOW_LOCAL_WRITE | sink,
            "local write",
        ),
    ] {
        if granted && asked & bits == 0 {
            breach(
                "VRF-48",
                "LEDGER-03",
                format!("the key of {region} grants {name}, which {what} did not ask for"),
            );
        }
    }
}

/// The key that a fast registration changed, unless a later request has changed it again.
pub(super) fn check_fast_registration(entry: &Entry, queue: &Queue) {
    let Some(Use::Region(region)) = entry.uses.first() else {
        return;
    };
    let changes = |later: &Entry| matches!(later.operation, Operation::FastRegister | Operation::Invalidate);
    if queue.entries.borrow().iter().any(changes) {
        return;
    }
    let flag = |operation: u32, registration: u32| {
        if entry.flags & operation == operation {
            registration
        } else {
            0
        }
    };
    let asked = flag(NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)
        | flag(NDK_OP_FLAG_ALLOW_REMOTE_READ, REMOTE_READ)
        | flag(NDK_OP_FLAG_ALLOW_REMOTE_WRITE, REMOTE_WRITE)
        | flag(NDK_OP_FLAG_RDMA_READ_SINK, NDK_MR_FLAG_RDMA_READ_SINK);
    check_rights(region, asked, "NdkFastRegister");
}

/// A token was asked for.
pub(in crate::ndis::ndk) fn token_of(region: &Rc<Object>, token: u32) {
    let mut tokens = region.open.lent.tokens.borrow_mut();
    tokens.insert(token, Rc::clone(region));
}

/// The registration ends: `NdkDeregisterMr` or the close of the region (LEDGER-01).
pub(in crate::ndis::ndk) fn expect_unused(region: &Object, what: &str) {
    let uses = region.books.uses.get();
    if uses > 0 && Pairs::any_lends(region) {
        misuse(
            "LEDGER-01",
            format!("{what} of {region}, which {uses} accepted requests use"),
        );
    }
}

/// The registration has ended.
pub(in crate::ndis::ndk) fn ended(region: &Object) {
    region.books.memory.0.take();
    let mut tokens = region.open.lent.tokens.borrow_mut();
    tokens.retain(|_, other| other.id != region.id);
}

/// A mapping that was asked for.
pub(in crate::ndis::ndk) struct Build {
    pieces: Vec<(usize, usize)>,
    structure: usize,
}

impl Build {
    pub(in crate::ndis::ndk) fn new(
        mdl: *mut MDL,
        length: u64,
        structure: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    ) -> Self {
        Self {
            pieces: pieces(mdl, length),
            structure: structure as usize,
        }
    }

    /// It is there.
    pub(in crate::ndis::ndk) fn made(&self, open: &Open) {
        let (context, pages) = if self.structure == 0 {
            (0, Vec::new())
        } else {
            read_mapping(self.structure as *const NDK_LOGICAL_ADDRESS_MAPPING)
        };
        let mapping = Mapping {
            context,
            pages,
            uses: Cell::new(0),
            _memory: Held::new(self.pieces.clone()),
        };
        let mut mappings = open.lent.mappings.borrow_mut();
        if mappings.insert(self.structure, Rc::new(mapping)).is_some() {
            drop(mappings);
            misuse(
                "MR-76",
                "NdkBuildLAM into the structure of a mapping that is not released".to_owned(),
            );
        }
    }
}

fn read_mapping(structure: *const NDK_LOGICAL_ADDRESS_MAPPING) -> (usize, Vec<u64>) {
    // SAFETY: the provider has filled the structure (MR-71).
    let head = unsafe { &*structure };
    let first = (&raw const head.AdapterPageArray).cast::<u64>();
    // SAFETY: it has so many pages behind its head.
    let pages = unsafe { std::slice::from_raw_parts(first, head.AdapterPageCount as usize) };
    (head.AdapterContext as usize, pages.to_vec())
}

/// `NdkReleaseLAM`: takes the mapping out; what it mapped stays lent until the provider is done.
pub(in crate::ndis::ndk) fn release(open: &Open, structure: *mut NDK_LOGICAL_ADDRESS_MAPPING) -> Rc<Mapping> {
    let mut mappings = open.lent.mappings.borrow_mut();
    let place = structure as usize;
    let place = if mappings.contains_key(&place) || structure.is_null() {
        place
    } else {
        // The consumer may have moved the structure; what the provider put into it tells which it is.
        // SAFETY: the consumer says that it is a mapping.
        let context = unsafe { (*structure).AdapterContext } as usize;
        let moved = mappings.iter().find(|(_, mapping)| mapping.context == context);
        moved.map_or(place, |(place, _)| *place)
    };
    let found = mappings.remove(&place);
    drop(mappings);
    let Some(mapping) = found else {
        breach("VRF-47", "MR-78", "NdkReleaseLAM without a mapping");
    };
    let uses = mapping.uses.get();
    if uses > 0 {
        misuse(
            "MR-79",
            format!("NdkReleaseLAM of a mapping that {uses} accepted requests use"),
        );
    }
    mapping
}
