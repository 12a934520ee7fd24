//! What the engine counts, for the report of a run and for tests.

/// Counters of one device since its last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Send doorbells rung.
    pub doorbells: u64,
    /// Send WQEs taken from the rings.
    pub send_wqes: u64,
    /// Receive WQEs taken from the rings.
    pub receive_wqes: u64,
    /// Packets handed to the port, of every kind.
    pub packets_sent: u64,
    /// Request packets that had been sent before.
    pub retransmitted: u64,
    /// Packets that passed the receive filter.
    pub packets_received: u64,
    /// Payload bytes in the packets sent.
    pub bytes_sent: u64,
    /// Acknowledgements sent.
    pub acks_sent: u64,
    /// Negative acknowledgements sent, without the receiver-not-ready ones.
    pub naks_sent: u64,
    /// Receiver-not-ready answers sent.
    pub rnr_naks_sent: u64,
    /// Negative acknowledgements received, without the receiver-not-ready ones.
    pub naks_received: u64,
    /// Receiver-not-ready answers received.
    pub rnr_naks_received: u64,
    /// A response showed that an earlier one was lost.
    pub implied_naks: u64,
    /// Acknowledgement timers that ran out.
    pub timeouts: u64,
    /// Requests received again.
    pub duplicates: u64,
    /// Requests ahead of the expected PSN.
    pub out_of_sequence: u64,
    /// Frames dropped: malformed, or the invariant CRC was wrong.
    pub bad_frames: u64,
    /// Frames dropped by the filter: no such queue pair, wrong address, key or state.
    pub filtered: u64,
    /// Datagrams dropped for want of a receive WQE, or of room in it.
    pub datagrams_dropped: u64,
    /// Queue pairs that went to the error state by themselves.
    pub failures: u64,
}
