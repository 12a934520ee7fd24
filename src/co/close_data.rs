//! What a client says at the end of a call, or when it drops a party: captured.

use super::format::MAX_CLOSE_DATA;

/// See the module's page.
#[derive(Clone, Copy)]
pub struct CloseData {
    bytes: [u8; MAX_CLOSE_DATA],
    length: usize,
}

impl CloseData {
    /// None.
    pub const EMPTY: Self = Self {
        bytes: [0; MAX_CLOSE_DATA],
        length: 0,
    };

    /// Captures them; `None` when there are too many (CLOSE-05).
    pub fn capture(data: &[u8]) -> Option<Self> {
        let mut this = Self {
            length: data.len(),
            ..Self::EMPTY
        };
        this.bytes.get_mut(..data.len())?.copy_from_slice(data);
        Some(this)
    }

    /// Whether there is nothing to say.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}
