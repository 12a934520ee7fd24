//! Model-checks the table that whoever has the turn reads without a lock: every interleaving of a reader and of who takes objects out.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one access of a cell is a borrow and a read or write"
)]

use std::ptr::NonNull;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread;

/// What the table is built on; here the model checker's atomics and lock, and the heap.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
}

mod pool {
    use super::{NoMemory, NonNull};

    pub(crate) fn try_give<T>(value: T) -> Result<NonNull<T>, NoMemory> {
        NonNull::new(Box::into_raw(Box::new(value))).ok_or(NoMemory)
    }

    pub(crate) unsafe fn take_back<T>(value: NonNull<T>) {
        // SAFETY: the caller's promise: it came from the function above.
        drop(unsafe { Box::from_raw(value.as_ptr()) });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NoMemory;

struct SpinLock<T>(Mutex<T>);

impl<T> SpinLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

#[path = "../src/nt/turn.rs"]
#[allow(unreachable_pub, dead_code, reason = "the file is public where it lives")]
mod turn;
#[path = "../src/nt/turn_table.rs"]
#[allow(unreachable_pub, dead_code, reason = "the file is public where it lives")]
mod turn_table;

use turn_table::{PutError, Seen, Serve, TurnTable};

/// Two numbers that share nothing but the root of the table.
const NUMBER: u32 = 0x00ab_cdef;
const OTHER: u32 = 5;

/// An object whose end the checker sees: it is an access that excludes all others.
struct Object(UnsafeCell<u32>);

impl Object {
    fn new(value: u32) -> Self {
        Self(UnsafeCell::new(value))
    }

    fn value(&self) -> u32 {
        // SAFETY: only the end of the object writes.
        self.0.with(|value| unsafe { *value })
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: nobody may look any more; the checker tells if somebody does.
        self.0.with_mut(|value| unsafe { *value = 0 });
    }
}

// SAFETY: as the cell is used above; the checker tells if it is not.
unsafe impl Sync for Object {}
// SAFETY: as above.
unsafe impl Send for Object {}

/// A look that notes what it finds under the number.
struct Look(UnsafeCell<Option<u32>>);

impl Look {
    fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    fn found(&self) -> Option<u32> {
        // SAFETY: read by the thread that looked.
        self.0.with(|found| unsafe { *found })
    }
}

impl Serve<Object> for Look {
    fn pass(&self, objects: &Seen<'_, Object>, _: u32) -> u32 {
        let found = objects.get(NUMBER).map(Object::value);
        // SAFETY: written by the thread that looks.
        self.0.with_mut(|place| unsafe { *place = found });
        0
    }

    fn advance(&self) {}

    fn arm(&self) {}
}

fn table() -> Arc<TurnTable<Object>> {
    let table = TurnTable::new();
    table.put(NUMBER, Object::new(1)).unwrap();
    Arc::new(table)
}

/// A turn beside what `change` does; what the turn found.
fn beside_a_turn(change: impl FnOnce(&TurnTable<Object>)) -> Option<u32> {
    let table = table();
    let other = Arc::clone(&table);
    let turn = thread::spawn(move || {
        let look = Look::new();
        assert!(!other.take_turn(&look, 4));
        look.found()
    });
    change(&table);
    let found = turn.join().unwrap();
    // The table is empty, so that its end is short.
    table.remove(NUMBER, thread::yield_now);
    table.remove(OTHER, thread::yield_now);
    found
}

/// Proves LIFE-34: an object that is taken out is not looked at any more when it goes, without a lock that both take.
#[test]
fn what_is_taken_out_goes_after_the_turn_that_saw_it() {
    loom::model(|| {
        let found = beside_a_turn(|table| {
            assert!(table.remove(NUMBER, thread::yield_now));
            assert!(!table.remove(NUMBER, thread::yield_now), "once");
        });
        assert!(matches!(found, None | Some(1)));
    });
}

/// Proves LIFE-34: a number that is given out again at once leads to the old object or to the new one, each of them whole.
#[test]
fn a_number_that_is_used_again_leads_to_one_object() {
    loom::model(|| {
        let found = beside_a_turn(|table| {
            table.remove(NUMBER, thread::yield_now);
            table.put(NUMBER, Object::new(2)).unwrap();
        });
        assert!(matches!(found, None | Some(1 | 2)));
    });
}

/// An object that comes does not hide one that is there.
#[test]
fn another_number_is_put_in_beside_a_turn() {
    loom::model(|| {
        let found = beside_a_turn(|table| table.put(OTHER, Object::new(3)).unwrap());
        assert_eq!(found, Some(1));
    });
}

/// A number is one object's at a time, and free once that is taken out.
#[test]
fn a_number_is_taken_once() {
    loom::model(|| {
        let table = table();
        assert_eq!(table.put(NUMBER, Object::new(2)), Err(PutError::Taken));
        assert_eq!(table.with(NUMBER, Object::value), Some(1));
        assert!(table.with(OTHER, Object::value).is_none());
        assert!(table.remove(NUMBER, thread::yield_now));
        assert!(table.with(NUMBER, Object::value).is_none());
        table.put(NUMBER, Object::new(2)).unwrap();
        assert_eq!(table.with(NUMBER, Object::value), Some(2));
        table.remove(NUMBER, thread::yield_now);
    });
}
