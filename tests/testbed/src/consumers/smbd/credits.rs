//! Send credits and receive credits of one side (MS-SMBD 3.1.1.1, 3.1.5.1).

/// Who may send how much.
///
/// A send credit permits one message; the peer gives one for each receive that it has posted. The last one is kept for a
/// message that itself gives credits, or both sides could wait for each other for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credits {
    /// Messages that may still be sent.
    send: u16,
    /// Receives that are posted and were granted, less what has arrived.
    granted: u16,
    /// Receives that are posted and not yet granted.
    posted: u16,
}

impl Credits {
    /// Takes note of receives that were posted.
    pub const fn posted(&mut self, receives: u16) {
        self.posted += receives;
    }

    /// Takes note of a message that arrived: it used a granted receive. False if none was granted.
    pub const fn arrived(&mut self, granted_to_us: u16) -> bool {
        if self.granted == 0 {
            return false;
        }
        self.granted -= 1;
        self.send = self.send.saturating_add(granted_to_us);
        true
    }

    /// Takes note of the credits of the negotiation: `send` of ours; the peer has `granted` of the posted ones.
    pub const fn begin(&mut self, send: u16, granted: u16) {
        self.send = send;
        self.granted += granted;
        self.posted -= granted;
    }

    /// Receives that are posted but not granted.
    pub const fn grantable(&self) -> u16 {
        self.posted
    }

    /// Whether the peer could run out: less than half of `wanted` is granted.
    pub const fn peer_runs_low(&self, wanted: u16) -> bool {
        self.granted < wanted / 2 || self.granted < 2
    }

    /// Whether a message may be sent now.
    pub const fn may_send(&self) -> bool {
        self.send > 1 || (self.send == 1 && self.posted > 0)
    }

    /// Takes a credit for a message and says how many credits the message grants.
    ///
    /// # Panics
    ///
    /// When there is none; ask [`Self::may_send`] first.
    pub fn take(&mut self) -> u16 {
        assert!(self.may_send(), "no credit to send with");
        self.send -= 1;
        let grant = std::mem::take(&mut self.posted);
        self.granted += grant;
        grant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_credit_is_kept_for_a_message_that_grants() {
        let mut credits = Credits::default();
        credits.posted(2);
        credits.begin(2, 1);
        assert!(credits.may_send());
        assert_eq!(credits.take(), 1);
        assert!(!credits.may_send(), "one credit, nothing to grant");
        credits.posted(1);
        assert!(credits.may_send());
        assert_eq!(credits.take(), 1);
    }

    #[test]
    fn a_message_without_a_granted_receive_is_noticed() {
        let mut credits = Credits::default();
        credits.posted(1);
        credits.begin(0, 1);
        assert!(credits.arrived(5));
        assert!(!credits.arrived(0));
        assert_eq!(credits.grantable(), 0);
    }
}
