//! Numbers by which driver and device name objects. Each kind has a type of its own.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Range;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub $inner);

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
    };
}

number!(
    /// Queue pair number, 24 bits, chosen by the device. 0 and 1 are the special ones of the port.
    Qpn(u32)
);
number!(
    /// Completion queue number, 24 bits.
    Cqn(u32)
);
number!(
    /// Event queue number, 8 bits.
    Eqn(u8)
);
number!(
    /// Protection domain number, 24 bits.
    Pdn(u32)
);
number!(
    /// UAR page number: page `n` of BAR0.
    Uarn(u32)
);
number!(
    /// Memory key without its variant, 24 bits.
    MkeyIndex(u32)
);
number!(
    /// A whole memory key, as a WQE or a RETH carries it: index in the upper 24 bits, variant in the lower 8.
    Key(u32)
);

impl Key {
    /// Puts index and variant together.
    pub const fn new(index: MkeyIndex, variant: u8) -> Self {
        Self(index.0 << 8 | variant as u32)
    }

    /// Which mkey object the key names.
    pub const fn index(self) -> MkeyIndex {
        MkeyIndex(self.0 >> 8)
    }

    /// The part that software chooses, to tell reuses of one index apart.
    pub const fn variant(self) -> u8 {
        self.0 as u8
    }
}

/// When a number that was given back names something again. Firmware does either; the seed chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// At once: the last number given back is the next one given out, and a reset begins anew.
    AtOnce,
    /// Late: all others come first, so that a stale number names nothing for as long as possible.
    Late,
}

/// The numbers of one kind of object.
pub(super) struct Pool {
    range: Range<u32>,
    reuse: Reuse,
    /// The last one that was given out for the first time, or before the others came round.
    last: Cell<u32>,
    /// Those given back, the latest last; with [`Reuse::AtOnce`] only.
    returned: RefCell<Vec<u32>>,
}

impl Pool {
    pub(super) fn new(range: Range<u32>, reuse: Reuse) -> Self {
        Self {
            last: Cell::new(range.start),
            range,
            reuse,
            returned: RefCell::default(),
        }
    }

    /// A number that `is_free`, if there is one.
    pub(super) fn take(&self, is_free: impl Fn(u32) -> bool) -> Option<u32> {
        while let Some(number) = self.returned.borrow_mut().pop() {
            if is_free(number) {
                return Some(number);
            }
        }
        let size = self.range.end - self.range.start;
        let last = self.last.get() - self.range.start;
        let number = (1..=size)
            .map(|step| self.range.start + (last + step) % size)
            .find(|&number| is_free(number))?;
        self.last.set(number);
        Some(number)
    }

    /// What had this number is destroyed.
    pub(super) fn give_back(&self, number: u32) {
        if self.reuse == Reuse::AtOnce {
            self.returned.borrow_mut().push(number);
        }
    }

    /// The device was reset: nothing has a number any more.
    pub(super) fn forget(&self) {
        if self.reuse == Reuse::AtOnce {
            self.returned.borrow_mut().clear();
            self.last.set(self.range.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pool, Reuse};

    #[test]
    fn numbers_come_back_at_once_or_late() {
        let given = |reuse| {
            let pool = Pool::new(10..14, reuse);
            let first = [(); 3].map(|()| pool.take(|_| true).expect("one is free"));
            assert_eq!(first, [11, 12, 13]);
            pool.give_back(12);
            pool.give_back(11);
            pool.take(|number| number != 13).expect("one is free")
        };
        assert_eq!(given(Reuse::AtOnce), 11);
        assert_eq!(given(Reuse::Late), 10);
        assert_eq!(Pool::new(1..9, Reuse::Late).take(|_| false), None);
    }

    #[test]
    fn a_reset_begins_anew_where_numbers_come_back_at_once() {
        let next = |reuse| {
            let pool = Pool::new(10..14, reuse);
            assert_eq!(pool.take(|_| true), Some(11));
            pool.forget();
            pool.take(|_| true)
        };
        assert_eq!(next(Reuse::AtOnce), Some(11));
        assert_eq!(next(Reuse::Late), Some(12));
    }
}
