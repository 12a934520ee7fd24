//! Upper-layer messages cut into data transfer messages and put together again (MS-SMBD 3.1.5.1, 3.1.5.8).

use super::SmbdError;
use super::message::{DATA_OFFSET, DataTransfer};

/// A piece to send: where it lies in the message, and how much of the message follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Bytes of the message that are still to come.
    pub remaining: u32,
}

/// Cuts a message of `length` bytes for messages of at most `max_send_size`.
pub fn cut(length: usize, max_send_size: u32) -> impl Iterator<Item = Piece> {
    let room = max_send_size as usize - DATA_OFFSET;
    (0..length.div_ceil(room)).map(move |index| {
        let start = index * room;
        let end = (start + room).min(length);
        Piece {
            start,
            end,
            remaining: (length - end) as u32,
        }
    })
}

/// The message that is being received.
#[derive(Debug, Default)]
pub struct Reassembly {
    bytes: Vec<u8>,
    expected: Option<u32>,
}

impl Reassembly {
    /// Takes a piece in; the whole message when it was the last.
    ///
    /// # Errors
    ///
    /// [`SmbdError::Fragment`] when the piece does not continue what came before or the message would be too long.
    pub fn push(
        &mut self,
        piece: &DataTransfer<'_>,
        max_fragmented_size: u32,
    ) -> Result<Option<Vec<u8>>, SmbdError> {
        let rest = piece.data.len() as u64 + u64::from(piece.remaining_length);
        let continues = self.expected.is_none_or(|expected| u64::from(expected) == rest);
        if !continues || self.bytes.len() as u64 + rest > u64::from(max_fragmented_size) {
            return Err(SmbdError::Fragment {
                length: piece.data.len(),
                remaining: piece.remaining_length,
            });
        }
        self.bytes.extend_from_slice(piece.data);
        if piece.remaining_length > 0 {
            self.expected = Some(piece.remaining_length);
            return Ok(None);
        }
        self.expected = None;
        Ok(Some(std::mem::take(&mut self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(data: &[u8], remaining_length: u32) -> DataTransfer<'_> {
        DataTransfer {
            credits_requested: 1,
            credits_granted: 0,
            flags: 0,
            remaining_length,
            data,
        }
    }

    #[test]
    fn a_cut_message_comes_together_again() {
        let message: Vec<u8> = (0..5000_u32).map(|i| i as u8).collect();
        let mut reassembly = Reassembly::default();
        let mut whole = None;
        for piece in cut(message.len(), 1364) {
            assert!(whole.is_none());
            let transfer = transfer(&message[piece.start..piece.end], piece.remaining);
            whole = reassembly.push(&transfer, 1 << 20).unwrap();
        }
        assert_eq!(whole.as_deref(), Some(&message[..]));
    }

    #[test]
    fn a_piece_that_does_not_continue_the_message_is_refused() {
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.push(&transfer(&[1; 100], 50), 1 << 20).unwrap(), None);
        assert!(reassembly.push(&transfer(&[2; 51], 0), 1 << 20).is_err());
        let mut reassembly = Reassembly::default();
        assert!(
            reassembly.push(&transfer(&[1; 100], 131_072), 131_072).is_err(),
            "too long in all"
        );
    }
}
