//! Model-checks the lifetime word of NDK objects: every interleaving of its atomics is explored.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one access of a slot is a borrow and a write"
)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize as Counter;
use loom::thread;

/// What the word is built on; here the model checker's atomics.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering, fence};
}

#[path = "../src/nt/lifetime.rs"]
#[allow(unreachable_pub, reason = "the file is public where it lives")]
mod lifetime;

use lifetime::{Lifetime, Release};
use sync::Ordering;

/// An object as the provider builds it: the word, the close request that the winner reports, what each callback wrote.
struct Object {
    word: Lifetime,
    close_request: UnsafeCell<Option<u32>>,
    callbacks: UnsafeCell<[u32; 2]>,
    finished: Counter,
}

impl Object {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Lifetime::new(),
            close_request: UnsafeCell::new(None),
            callbacks: UnsafeCell::new([0; 2]),
            finished: Counter::new(0),
        })
    }

    /// Runs a callback under a hold that the caller has, then gives the hold back.
    fn call_back(&self, slot: usize) {
        // SAFETY: each slot is written by one thread, and read only by the one that finishes.
        self.callbacks
            .with_mut(|all| unsafe { (&raw mut (*all)[slot]).write(1) });
        self.settle(self.word.release());
    }

    fn close(&self) -> Release {
        // SAFETY: the consumer closes once, before anyone may read the request.
        self.close_request
            .with_mut(|request| unsafe { request.write(Some(7)) });
        let release = self.word.close();
        self.settle(release);
        release
    }

    fn settle(&self, release: Release) {
        if release == Release::Last {
            // SAFETY: the last release is unique and ordered after every write made under a hold.
            let request = self.close_request.with(|request| unsafe { *request });
            assert_eq!(request, Some(7), "the winner sees how to report the close");
            assert_eq!(self.finished.fetch_add(1, Ordering::Relaxed), 0, "closed once");
        }
    }
}

/// Proves LIFE-10, LIFE-31, LIFE-33, LIFE-35: with two requests pending, the close ends once, after both.
#[test]
fn a_close_ends_exactly_once_after_the_last_pending_request() {
    loom::model(|| {
        let object = Object::new();
        let requests: Vec<_> = (0..2)
            .map(|_| {
                object.word.hold();
                let object = Arc::clone(&object);
                thread::spawn(move || {
                    let release = object.word.release();
                    object.settle(release);
                })
            })
            .collect();
        let _ = object.close();
        for request in requests {
            request.join().unwrap();
        }
        assert_eq!(object.finished.load(Ordering::Relaxed), 1);
        assert_eq!(object.word.holds(), 0);
    });
}

/// Proves LIFE-35, LIFE-38: what a callback did is complete, and visible, when the close ends.
#[test]
fn the_end_of_a_close_comes_after_everything_that_a_callback_did() {
    loom::model(|| {
        let object = Object::new();
        object.word.hold();
        let other = Arc::clone(&object);
        let request = thread::spawn(move || other.call_back(0));
        if object.close() == Release::Last {
            // SAFETY: the close ended here, so no callback runs any more.
            assert_eq!(object.callbacks.with(|all| unsafe { (*all)[0] }), 1);
        }
        request.join().unwrap();
        assert_eq!(object.finished.load(Ordering::Relaxed), 1);
    });
}

/// Proves LIFE-34, LIFE-36, LIFE-38: an event callback either runs before the close ends or not at all.
#[test]
fn an_event_starts_only_before_close_and_holds_its_end_back() {
    loom::model(|| {
        let object = Object::new();
        let other = Arc::clone(&object);
        let event = thread::spawn(move || {
            let started = other.word.hold_if_open();
            if started {
                assert_eq!(
                    other.finished.load(Ordering::Relaxed),
                    0,
                    "no event after the end"
                );
                other.call_back(1);
            }
            started
        });
        let _ = object.close();
        assert!(!object.word.hold_if_open(), "nothing starts after close began");
        event.join().unwrap();
        assert_eq!(object.finished.load(Ordering::Relaxed), 1);
    });
}

/// Proves LIFE-32: with nothing pending, the close ends in the call itself.
#[test]
fn a_close_without_holds_ends_at_once() {
    loom::model(|| {
        let object = Object::new();
        assert!(!object.word.is_closing());
        assert_eq!(object.close(), Release::Last);
        assert!(object.word.is_closing());
        assert_eq!(object.finished.load(Ordering::Relaxed), 1);
    });
}

/// Proves LIFE-51, LIFE-52, LIFE-53, LIFE-55: parent and child are closed in any order, from two threads; the parent's
/// close ends once, after the child's.
#[test]
fn an_antecedent_ends_after_its_successor_whatever_the_order_of_closing() {
    loom::model(|| {
        let parent = Object::new();
        let child = Object::new();
        parent.word.hold();
        let (parents, childs) = (Arc::clone(&parent), Arc::clone(&child));
        let consumer = thread::spawn(move || {
            assert_eq!(childs.close(), Release::Last);
            parents.settle(parents.word.release());
        });
        if parent.close() == Release::Last {
            assert_eq!(child.finished.load(Ordering::Relaxed), 1);
        }
        consumer.join().unwrap();
        assert_eq!(parent.finished.load(Ordering::Relaxed), 1);
    });
}
