//! Model-checks whose turn it is at an event queue: every interleaving of processors that messages come to, and of a device that sends
//! one message for each arm.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one access of a counter is a borrow and a read or write"
)]

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::{Arc, Mutex};
use loom::thread;

/// What the word is built on; here the model checker's atomics.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
}

#[path = "../src/nt/turn.rs"]
#[allow(unreachable_pub, dead_code, reason = "the file is public where it lives")]
mod turn;

use sync::Ordering::SeqCst;
use turn::{Source, Turn};

/// The device, which does one thing at a time.
#[derive(Default)]
struct Device {
    /// Elements written.
    produced: usize,
    armed: bool,
    /// Messages that have not been served yet.
    messages: usize,
}

impl Device {
    /// Sends a message, if it was asked to.
    const fn send(&mut self) {
        if self.armed {
            self.armed = false;
            self.messages += 1;
        }
    }
}

/// A queue and the device that fills it.
struct Queue {
    turn: Turn,
    device: Mutex<Device>,
    /// Elements handled. Not an atomic: the checker sees who is in there beside another.
    consumed: UnsafeCell<usize>,
    /// An object that elements are for, as long as it is known.
    known: Mutex<bool>,
    destroyed: AtomicBool,
}

impl Queue {
    fn armed() -> Arc<Self> {
        let device = Device {
            armed: true,
            ..Device::default()
        };
        Arc::new(Self {
            turn: Turn::new(),
            device: Mutex::new(device),
            consumed: UnsafeCell::new(0),
            known: Mutex::new(true),
            destroyed: AtomicBool::new(false),
        })
    }

    fn device(&self) -> loom::sync::MutexGuard<'_, Device> {
        self.device.lock().unwrap()
    }

    /// The device writes an element.
    fn post(&self) {
        let mut device = self.device();
        device.produced += 1;
        device.send();
    }

    fn take_message(&self) -> bool {
        let mut device = self.device();
        let some = device.messages > 0;
        device.messages -= usize::from(some);
        some
    }

    /// Serves messages as one processor does: what is left over is one more message.
    fn serve(&self, budget: u32) {
        while self.take_message() {
            if self.turn.take(self, budget) {
                self.device().messages += 1;
            }
        }
    }

    fn consumed(&self) -> usize {
        // SAFETY: read in a turn, or after all of them.
        self.consumed.with(|consumed| unsafe { *consumed })
    }
}

impl Source for Queue {
    fn pass(&self, most: u32) -> u32 {
        for handled in 0..most {
            let consumed = self.consumed();
            if consumed == self.device().produced {
                return handled;
            }
            // SAFETY: written in a turn.
            self.consumed.with_mut(|place| unsafe { *place = consumed + 1 });
            if *self.known.lock().unwrap() {
                assert!(!self.destroyed.load(SeqCst), "told after it was destroyed");
            }
        }
        most
    }

    fn advance(&self) {}

    fn arm(&self) {
        let consumed = self.consumed();
        let mut device = self.device();
        device.armed = true;
        if consumed != device.produced {
            device.send();
        }
    }
}

/// Two processors; on each the device posts and a message may come, between any two steps of the other.
fn nothing_is_lost(budget: u32) {
    loom::model(move || {
        let queue = Queue::armed();
        let processors: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    queue.post();
                    queue.serve(budget);
                })
            })
            .collect();
        for processor in processors {
            processor.join().unwrap();
        }
        // Messages that come later still.
        queue.serve(budget);
        assert_eq!(queue.consumed(), 2, "every element is handled");
        assert!(queue.device().armed, "and the next one will be told");
    });
}

/// Proves INT-03: a message on one processor, while another is about to leave the queue that it has just armed, is not lost.
#[test]
fn a_message_beside_another_is_not_lost() {
    nothing_is_lost(4);
}

/// Proves INT-03, INT-09: the same when every look ends because it handled as much as it may.
#[test]
fn a_message_beside_a_look_that_gives_up_is_not_lost() {
    nothing_is_lost(1);
}

/// Proves INT-09: a look without elements ends, armed.
#[test]
fn a_message_without_elements_leaves_the_queue_armed() {
    loom::model(|| {
        let queue = Queue::armed();
        assert!(!queue.turn.take(&*queue, 1));
        assert!(queue.device().armed);
        assert_eq!(queue.turn.under_way(), None);
    });
}

/// Proves LIFE-34: an object that was forgotten, and waited for, is told nothing any more.
#[test]
fn nobody_is_told_after_he_was_forgotten() {
    loom::model(|| {
        let queue = Queue::armed();
        let other = Arc::clone(&queue);
        let processor = thread::spawn(move || {
            other.post();
            other.serve(2);
        });
        *queue.known.lock().unwrap() = false;
        if let Some(turn) = queue.turn.under_way() {
            while !queue.turn.is_over(turn) {
                thread::yield_now();
            }
        }
        queue.destroyed.store(true, SeqCst);
        processor.join().unwrap();
        assert_eq!(queue.consumed(), 1);
    });
}
