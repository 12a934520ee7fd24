//! [`TurnTable`]: objects by numbers, which whoever has the turn at a queue finds without a lock and without counting a reference.
//!
//! Who takes an object out pays for that: it waits for the end of the turn that may still see it, and only then lets go of it.

use core::{marker::PhantomData, ptr::NonNull};

use super::{
    NoMemory, SpinLock, pool,
    sync::{AtomicPtr, AtomicUsize, Ordering},
    turn::{Source, Turn},
};

/// Bits of a number that one node tells apart; four nodes make the 24 bits of a number.
const NODE_BITS: u32 = 6;
/// Children of a node.
const CHILDREN: usize = 1 << NODE_BITS;

/// Where a number lies in a node of `level`, counted from the objects up.
const fn index(number: u32, level: u32) -> usize {
    (number >> (level * NODE_BITS)) as usize % CHILDREN
}

/// Something in nonpaged pool that others may still look at: unlike a box it does not claim to be the only way there.
struct Own<T>(NonNull<T>);

impl<T> Own<T> {
    fn try_new(value: T) -> Result<Self, NoMemory> {
        pool::try_give(value).map(Self)
    }

    const fn into_raw(self) -> *mut T {
        let raw = self.0.as_ptr();
        core::mem::forget(self);
        raw
    }

    /// What [`Self::into_raw`] gave away, if it is there.
    ///
    /// # Safety
    /// `raw` is NULL, or came from `into_raw` and is taken back once.
    unsafe fn from_raw(raw: *mut T) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        // SAFETY: it came from `try_give`; this is its owner.
        unsafe { pool::take_back(self.0) }
    }
}

/// A node of the tree, or a leaf, whose children are the objects.
struct Node<C> {
    children: [AtomicPtr<C>; CHILDREN],
    /// How many there are. Whoever changes it has the lock.
    used: AtomicUsize,
}

impl<C> Node<C> {
    fn new() -> Self {
        Self {
            children: core::array::from_fn(|_| AtomicPtr::new(core::ptr::null_mut())),
            used: AtomicUsize::new(0),
        }
    }

    /// A node that nobody sees yet, with one child.
    fn of(at: usize, child: Own<C>) -> Result<Own<Self>, NoMemory> {
        let node = Self::new();
        node.put(at, child);
        Own::try_new(node)
    }

    /// The child there. Who asks has the turn or the lock.
    fn child(&self, at: usize) -> Option<&C> {
        let child = self.children[at % CHILDREN].load(Ordering::Acquire);
        // SAFETY: NULL or a child of this node. One that is taken out lives until the turn is over that may have seen it, and is taken
        // out under the lock.
        unsafe { child.as_ref() }
    }

    /// Publishes a child where none was. Under the lock, or before others see the node.
    fn put(&self, at: usize, child: Own<C>) {
        self.children[at % CHILDREN].store(child.into_raw(), Ordering::Release);
        self.used.store(self.used() + 1, Ordering::Relaxed);
    }

    /// Takes a child out. Under the lock.
    fn take(&self, at: usize) -> Option<Own<C>> {
        let place = &self.children[at % CHILDREN];
        let raw = place.load(Ordering::Relaxed);
        place.store(core::ptr::null_mut(), Ordering::Release);
        // SAFETY: `put` gave it away, and it is in no place any more.
        let child = unsafe { Own::from_raw(raw) };
        self.used
            .store(self.used() - usize::from(child.is_some()), Ordering::Relaxed);
        child
    }

    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl<C> Drop for Node<C> {
    fn drop(&mut self) {
        // As deep as the tree, which has four levels.
        if self.used() != 0 {
            (0..CHILDREN).for_each(|at| drop(self.take(at)));
        }
    }
}

type Leaf<T> = Node<T>;
type Low<T> = Node<Leaf<T>>;
type High<T> = Node<Low<T>>;
type Root<T> = Node<High<T>>;

/// What was taken out, with the nodes that nothing is in any more.
struct Removed<T> {
    object: Own<T>,
    _leaf: Option<Own<Leaf<T>>>,
    _low: Option<Own<Low<T>>>,
    _high: Option<Own<High<T>>>,
}

/// Why an object was not put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutError {
    /// No memory.
    NoMemory,
    /// The number is another object's.
    Taken,
}

impl From<NoMemory> for PutError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// Objects by 24-bit numbers and the turn of the queue that names them. Memory follows the objects.
pub struct TurnTable<T> {
    turn: Turn,
    root: Root<T>,
    owns: PhantomData<T>,
    /// Held by who changes the tree.
    changes: SpinLock<()>,
}

/// The objects, as whoever has the turn sees them.
pub struct Seen<'a, T>(&'a Root<T>);

impl<T> Seen<'_, T> {
    /// What has this number. It stays while the turn lasts, also when it is taken out meanwhile.
    pub fn get(&self, number: u32) -> Option<&T> {
        find(self.0, number)
    }
}

fn find<T>(root: &Root<T>, number: u32) -> Option<&T> {
    let leaf = root
        .child(index(number, 3))?
        .child(index(number, 2))?
        .child(index(number, 1))?;
    leaf.child(index(number, 0))
}

/// As [`Source`], for elements that are about the objects.
pub trait Serve<T> {
    /// As [`Source::pass`].
    fn pass(&self, objects: &Seen<'_, T>, most: u32) -> u32;
    /// As [`Source::advance`].
    fn advance(&self);
    /// As [`Source::arm`].
    fn arm(&self);
}

/// One turn.
struct Serving<'a, T, S> {
    root: &'a Root<T>,
    queue: &'a S,
}

impl<T, S: Serve<T>> Source for Serving<'_, T, S> {
    fn pass(&self, most: u32) -> u32 {
        self.queue.pass(&Seen(self.root), most)
    }

    fn advance(&self) {
        self.queue.advance();
    }

    fn arm(&self) {
        self.queue.arm();
    }
}

impl<T: Send + Sync> TurnTable<T> {
    /// Nothing, nobody's turn. (Objects are shared with whoever has the turn, and go on the processor of whoever removes them.)
    pub fn new() -> Self {
        Self {
            turn: Turn::new(),
            owns: PhantomData,
            root: Node::new(),
            changes: SpinLock::new(()),
        }
    }

    /// As [`Turn::take`].
    pub fn take_turn(&self, queue: &impl Serve<T>, budget: u32) -> bool {
        let root = &self.root;
        self.turn.take(&Serving { root, queue }, budget)
    }

    /// Puts an object in: turns that begin later see it. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// The number is taken, or no memory.
    pub fn put(&self, number: u32, object: T) -> Result<(), PutError> {
        let object = Own::try_new(object)?;
        let at = |level| index(number, level);
        let _changing = self.changes.lock();
        let Some(high) = self.root.child(at(3)) else {
            let leaf = Node::of(at(0), object)?;
            let low = Node::of(at(1), leaf)?;
            self.root.put(at(3), Node::of(at(2), low)?);
            return Ok(());
        };
        let Some(low) = high.child(at(2)) else {
            let leaf = Node::of(at(0), object)?;
            high.put(at(2), Node::of(at(1), leaf)?);
            return Ok(());
        };
        let Some(leaf) = low.child(at(1)) else {
            low.put(at(1), Node::of(at(0), object)?);
            return Ok(());
        };
        if leaf.child(at(0)).is_some() {
            return Err(PutError::Taken);
        }
        leaf.put(at(0), object);
        Ok(())
    }

    /// Shows an object to `look`, which does nothing that waits: the tree stays as it is meanwhile. `<= DISPATCH_LEVEL`.
    pub fn with<R>(&self, number: u32, look: impl FnOnce(&T) -> R) -> Option<R> {
        let _changing = self.changes.lock();
        find(&self.root, number).map(look)
    }

    /// Takes an object out. Turns that begin later do not see it; for the end of the one that is under way this waits by `pause`, and
    /// then the object goes. Whether it was there.
    pub fn remove(&self, number: u32, pause: impl FnMut()) -> bool {
        let removed = self.unlink(number);
        self.synchronize(pause);
        // Here and not before: the turn that is over may have looked at it.
        removed.map(|removed| drop(removed.object)).is_some()
    }

    fn unlink(&self, number: u32) -> Option<Removed<T>> {
        let at = |level| index(number, level);
        let _changing = self.changes.lock();
        let high = self.root.child(at(3))?;
        let low = high.child(at(2))?;
        let leaf = low.child(at(1))?;
        let object = leaf.take(at(0))?;
        let taken_leaf = take_if_empty(low, at(1), leaf);
        let taken_low = take_if_empty(high, at(2), low);
        let taken_high = take_if_empty(&self.root, at(3), high);
        Some(Removed {
            object,
            _leaf: taken_leaf,
            _low: taken_low,
            _high: taken_high,
        })
    }

    /// Waits by `pause` for the end of the turn that is under way, if one is.
    pub fn synchronize(&self, mut pause: impl FnMut()) {
        let Some(turn) = self.turn.under_way() else { return };
        // Bounded: a turn has a budget, and runs at `DISPATCH_LEVEL`.
        while !self.turn.is_over(turn) {
            pause();
        }
    }
}

fn take_if_empty<C>(parent: &Node<Node<C>>, at: usize, node: &Node<C>) -> Option<Own<Node<C>>> {
    if node.used() == 0 { parent.take(at) } else { None }
}

impl<T: Send + Sync> Default for TurnTable<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> core::fmt::Debug for TurnTable<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TurnTable")
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}
