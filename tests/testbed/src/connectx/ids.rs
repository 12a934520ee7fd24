//! Numbers by which driver and device name objects. Each kind has a type of its own.

use std::fmt;

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
