//! The path MTU of a connection, which the request names and the reply cannot change.
//!
//! Both queue pairs use what the request says. A passive side that cannot use it rejects with reason 26 and names what it can
//! (IBTA volume 1, 12.6.7.2); an active side sends another request with that. Linux does neither: it takes every MTU, whatever its own
//! is, and a REJ 26 ends its connect. So a peer is refused only
//!
//! - what the port does not carry;
//! - more than this side was configured for, if the peer is known to make another request: it said so.
//!
//! It says so in the request's `Local Q_Key`, a field without a meaning for connected transports, which everybody else ignores.

use super::mad::{Rej, Req};
use crate::hw::Mtu;

/// `Local Q_Key` of requests whose sender answers REJ 26 with a smaller request.
pub(super) const TAKES_COUNTER_OFFERS: u32 = u32::from_be_bytes(*b"REJ&");

/// Path MTUs of one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMtu {
    /// What this side asks for: the configured size, as far as the port carries it.
    pub own: Mtu,
    /// The largest that the port carries.
    pub carried: Mtu,
}

impl PathMtu {
    /// Whether a connection can be what `req` asks for.
    ///
    /// # Errors
    /// What the peer shall ask for instead.
    pub(super) const fn judge(self, req: &Req) -> Result<(), Mtu> {
        let most = if req.local_q_key == TAKES_COUNTER_OFFERS {
            self.own
        } else {
            self.carried
        };
        if req.path_mtu > most as u8 {
            return Err(self.own);
        }
        Ok(())
    }
}

/// The path MTU that a rejection offers: a code that exists.
pub(super) fn counter_offer(rej: &Rej) -> Option<u8> {
    let offered = rej.ari.first().copied().filter(|_| rej.ari_length != 0)?;
    (Mtu::B256 as u8..=Mtu::B4096 as u8)
        .contains(&offered)
        .then_some(offered)
}

/// The path MTU of a code.
pub(super) const fn of_code(code: u8) -> Mtu {
    match code {
        1 => Mtu::B256,
        2 => Mtu::B512,
        3 => Mtu::B1024,
        4 => Mtu::B2048,
        _ => Mtu::B4096,
    }
}
