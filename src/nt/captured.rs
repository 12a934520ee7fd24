//! A few bytes of somebody else's, kept by value: they do not change under whoever looks at them, and need no pool.

/// Up to `N` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Captured<N> {
    /// None.
    pub const EMPTY: Self = Self {
        bytes: [0; N],
        length: 0,
    };

    /// Captures `data`; `None` when there are too many.
    pub fn capture(data: &[u8]) -> Option<Self> {
        let mut this = Self {
            length: data.len(),
            ..Self::EMPTY
        };
        this.bytes.get_mut(..data.len())?.copy_from_slice(data);
        Some(this)
    }

    /// All of these.
    pub const fn all(bytes: [u8; N]) -> Self {
        Self { bytes, length: N }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes, zeros behind them.
    pub const fn padded(&self) -> [u8; N] {
        self.bytes
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The bytes, for a callee that wants a place it may write to.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}
