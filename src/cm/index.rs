//! Things that are found by several keys and wait for times of their own: hash chains and a heap of deadlines over one set of places.
//!
//! No call costs more with more of them, but for the logarithm of the heap: places are made in chunks that stay where they are, a new
//! place brings one more chain, which takes over what is its of one other (linear hashing), and every link is undone in place.
//! Nothing is allocated but by [`Index::add`].

use crate::nt::{
    NoMemory, NonPaged, Vec,
    pool::{try_push, try_vec},
};

/// No place.
const NONE: u32 = u32::MAX;
/// Places that are made at once.
const CHUNK: usize = 64;

/// The neighbours in a chain.
#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

impl Link {
    const NONE: Self = Self {
        before: NONE,
        after: NONE,
    };
}

/// One place: what is there, and what of chains and heap is kept here for lack of a better place.
#[derive(Debug)]
struct Place<T, const KEYS: usize> {
    item: Option<T>,
    hashes: [Option<u32>; KEYS],
    links: [Link; KEYS],
    /// Where the item is in the heap.
    waits_at: u32,
    /// First members of the chains with this place's number.
    chains: [u32; KEYS],
    /// The heap's entry with this place's number: a deadline, and whose it is.
    entry: (u64, u32),
}

impl<T, const KEYS: usize> Place<T, KEYS> {
    const fn new() -> Self {
        Self {
            item: None,
            hashes: [None; KEYS],
            links: [Link::NONE; KEYS],
            waits_at: NONE,
            chains: [NONE; KEYS],
            entry: (0, NONE),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Index<T, const KEYS: usize> {
    chunks: Vec<Vec<Place<T, KEYS>>>,
    /// Places, used or free, and chains of each kind.
    count: u32,
    /// First free place; the others follow by their first link.
    free: u32,
    /// Entries of the heap.
    waiting: u32,
}

impl<T, const KEYS: usize> Default for Index<T, KEYS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const KEYS: usize> Index<T, KEYS> {
    /// Without anything.
    pub const fn new() -> Self {
        Self {
            chunks: Vec::new_in(NonPaged),
            count: 0,
            free: NONE,
            waiting: 0,
        }
    }

    /// Adds an item under the hashes of the keys that it has. Its number is its own until it is removed.
    ///
    /// # Errors
    /// No memory; the item is gone.
    pub fn add(&mut self, item: T, hashes: [Option<u32>; KEYS]) -> Result<u32, NoMemory> {
        if self.free == NONE {
            self.grow()?;
        }
        let at = self.free;
        self.free = self.link(at, 0).after;
        let place = self.place_mut(at).ok_or(NoMemory)?;
        place.item = Some(item);
        place.hashes = hashes;
        place.links = [Link::NONE; KEYS];
        (0..KEYS).for_each(|kind| self.enter(at, kind));
        Ok(at)
    }

    /// Takes an item away.
    pub fn remove(&mut self, at: u32) -> Option<T> {
        self.get(at)?;
        self.set_deadline(at, None);
        (0..KEYS).for_each(|kind| self.leave(at, kind));
        let free = self.free;
        let place = self.place_mut(at)?;
        place.hashes = [None; KEYS];
        if let Some(first) = place.links.first_mut() {
            first.after = free;
        }
        let item = place.item.take();
        self.free = at;
        item
    }

    /// Files an item under other hashes.
    pub fn refile(&mut self, at: u32, hashes: [Option<u32>; KEYS]) {
        if self.get(at).is_none() {
            return;
        }
        (0..KEYS).for_each(|kind| self.leave(at, kind));
        if let Some(place) = self.place_mut(at) {
            place.hashes = hashes;
        }
        (0..KEYS).for_each(|kind| self.enter(at, kind));
    }

    /// The number of an item under this hash of a kind that is `wanted`.
    pub fn find(&self, kind: usize, hash: u32, wanted: impl Fn(&T) -> bool) -> Option<u32> {
        let mut at = self.first_of(self.chain_of(hash), kind);
        while let Some(place) = self.place(at) {
            let same = place.hashes.get(kind) == Some(&Some(hash));
            if same && place.item.as_ref().is_some_and(&wanted) {
                return Some(at);
            }
            at = self.link(at, kind).after;
        }
        None
    }

    /// The item with this number.
    pub fn get(&self, at: u32) -> Option<&T> {
        self.place(at)?.item.as_ref()
    }

    /// Numbers of items are below this.
    pub const fn limit(&self) -> u32 {
        self.count
    }

    /// When the item waits for next; `None` for nothing.
    pub fn set_deadline(&mut self, at: u32, deadline: Option<u64>) {
        let Some(place) = self.place(at) else { return };
        let old = place.waits_at;
        match deadline {
            None if old == NONE => {}
            None => self.take_entry(old),
            Some(deadline) if old == NONE => {
                let last = self.waiting;
                self.waiting += 1;
                self.settle(last, (deadline, at));
            }
            Some(deadline) => self.settle(old, (deadline, at)),
        }
    }

    /// How many items wait.
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// The earliest deadline of all.
    pub fn earliest(&self) -> Option<u64> {
        (self.waiting > 0).then(|| self.entry(0).0)
    }

    /// The number of an item whose deadline is `now` or before; it waits for nothing any more.
    pub fn pop_due(&mut self, now: u64) -> Option<u32> {
        let due = self.earliest().filter(|due| *due <= now);
        due?;
        let (_, at) = self.entry(0);
        self.take_entry(0);
        Some(at)
    }

    fn place(&self, at: u32) -> Option<&Place<T, KEYS>> {
        let at = at as usize;
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    fn place_mut(&mut self, at: u32) -> Option<&mut Place<T, KEYS>> {
        let at = at as usize;
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }

    /// One more place, free, and one more chain of each kind.
    fn grow(&mut self) -> Result<(), NoMemory> {
        let new = self.count;
        if new == NONE {
            return Err(NoMemory);
        }
        if self.place(new).is_none() {
            let chunk = try_vec(CHUNK, |_| Place::new())?;
            try_push(&mut self.chunks, chunk)?;
        }
        self.count = new + 1;
        self.free = new;
        if let Some(top) = new.checked_ilog2() {
            (0..KEYS).for_each(|kind| self.split(new - (1 << top), new, kind));
        }
        Ok(())
    }

    /// The chain `new` takes over what is its of the chain `old`.
    fn split(&mut self, old: u32, new: u32, kind: usize) {
        let mut at = self.first_of(old, kind);
        while at != NONE {
            let after = self.link(at, kind).after;
            if self.hash_of(at, kind).map(|hash| self.chain_of(hash)) == Some(new) {
                self.leave_chain(old, at, kind);
                self.enter_chain(new, at, kind);
            }
            at = after;
        }
    }

    /// The chain of a hash: its lowest bits, one fewer where there is no such chain yet.
    const fn chain_of(&self, hash: u32) -> u32 {
        if self.count == 0 {
            return NONE;
        }
        let mask = (self.count as u64).next_power_of_two() as u32 - 1;
        let chain = hash & mask;
        if chain < self.count {
            chain
        } else {
            chain & mask >> 1
        }
    }

    fn hash_of(&self, at: u32, kind: usize) -> Option<u32> {
        self.place(at)?.hashes.get(kind).copied().flatten()
    }

    fn first_of(&self, chain: u32, kind: usize) -> u32 {
        let place = self.place(chain);
        place
            .and_then(|place| place.chains.get(kind))
            .copied()
            .unwrap_or(NONE)
    }

    fn set_first(&mut self, chain: u32, kind: usize, at: u32) {
        let place = self.place_mut(chain);
        if let Some(first) = place.and_then(|place| place.chains.get_mut(kind)) {
            *first = at;
        }
    }

    fn link(&self, at: u32, kind: usize) -> Link {
        let place = self.place(at);
        let link = place.and_then(|place| place.links.get(kind));
        link.copied().unwrap_or(Link::NONE)
    }

    fn change_link(&mut self, at: u32, kind: usize, change: impl FnOnce(&mut Link)) {
        let place = self.place_mut(at);
        if let Some(link) = place.and_then(|place| place.links.get_mut(kind)) {
            change(link);
        }
    }

    fn enter(&mut self, at: u32, kind: usize) {
        if let Some(hash) = self.hash_of(at, kind) {
            self.enter_chain(self.chain_of(hash), at, kind);
        }
    }

    fn leave(&mut self, at: u32, kind: usize) {
        if let Some(hash) = self.hash_of(at, kind) {
            self.leave_chain(self.chain_of(hash), at, kind);
        }
    }

    fn enter_chain(&mut self, chain: u32, at: u32, kind: usize) {
        let first = self.first_of(chain, kind);
        self.change_link(at, kind, |link| {
            *link = Link {
                before: NONE,
                after: first,
            };
        });
        self.change_link(first, kind, |link| link.before = at);
        self.set_first(chain, kind, at);
    }

    fn leave_chain(&mut self, chain: u32, at: u32, kind: usize) {
        let Link { before, after } = self.link(at, kind);
        if before == NONE {
            self.set_first(chain, kind, after);
        } else {
            self.change_link(before, kind, |link| link.after = after);
        }
        self.change_link(after, kind, |link| link.before = before);
        self.change_link(at, kind, |link| *link = Link::NONE);
    }

    fn entry(&self, index: u32) -> (u64, u32) {
        self.place(index).map_or((u64::MAX, NONE), |place| place.entry)
    }

    /// Puts an entry there, and tells its place.
    fn put_entry(&mut self, index: u32, entry: (u64, u32)) {
        if let Some(place) = self.place_mut(index) {
            place.entry = entry;
        }
        if let Some(place) = self.place_mut(entry.1) {
            place.waits_at = index;
        }
    }

    /// Takes an entry out; the last one fills the gap.
    fn take_entry(&mut self, index: u32) {
        let (_, at) = self.entry(index);
        if let Some(place) = self.place_mut(at) {
            place.waits_at = NONE;
        }
        self.waiting -= 1;
        if index != self.waiting {
            let last = self.entry(self.waiting);
            self.settle(index, last);
        }
    }

    /// Puts an entry where the gap `index` is, or above or below, so that none is due before the one above it.
    fn settle(&mut self, index: u32, entry: (u64, u32)) {
        let above = self.rise(index, entry.0);
        let there = if above == index {
            self.sink(index, entry.0)
        } else {
            above
        };
        self.put_entry(there, entry);
    }

    /// Moves the gap up as long as what is above it is due later than `deadline`.
    fn rise(&mut self, mut gap: u32, deadline: u64) -> u32 {
        while gap > 0 {
            let above = (gap - 1) / 2;
            let entry = self.entry(above);
            if entry.0 <= deadline {
                break;
            }
            self.put_entry(gap, entry);
            gap = above;
        }
        gap
    }

    /// Moves the gap down as long as something below it is due before `deadline`.
    fn sink(&mut self, mut gap: u32, deadline: u64) -> u32 {
        loop {
            let left = 2 * gap + 1;
            if left >= self.waiting {
                return gap;
            }
            let (mut below, mut first) = (left, self.entry(left));
            if left + 1 < self.waiting {
                let right = self.entry(left + 1);
                if right.0 < first.0 {
                    (below, first) = (left + 1, right);
                }
            }
            if first.0 >= deadline {
                return gap;
            }
            self.put_entry(gap, first);
            gap = below;
        }
    }
}
