//! Times of connection management. On the wire they are codes: 4.096 us * 2^code.
//!
//! A path may be lost for 2 to 3 s while the network turns to another one (a top-of-rack switch that fails over, a spanning tree that
//! settles), and no connection shall end of it. A queue pair sends a packet once and [`RETRY_COUNT`] times more, each time after the
//! acknowledgement timeout at the least (devices take up to four times as long): with code 17 that is 8 * 537 ms = 4.3 s to 17 s,
//! which is what Linux uses too. Connection management itself repeats a message for 9.1 s. A peer that is dead is noticed
//! in the same time, so that neither is longer than it must be.
//!
//! What a peer names is a wish: it is clamped to bounds, so that no peer can make this side wait for ever or give up at once, and 0,
//! which some peers send for "I do not know", is a default.

/// Packet life time code of a path: 268 ms, as Linux assumes for `RoCE`. It makes the acknowledgement timeout 17; see the module.
pub const PACKET_LIFE: u8 = 16;
/// Packet life time code by which answers of connection management are late at most: 33.6 ms. A message that is lost is repeated,
/// so that this need not cover an outage.
pub const ANSWER_LIFE: u8 = 13;
/// Response timeout code in this side's REQ, both directions: 1.07 s.
pub const RESPONSE_TIMEOUT: u8 = 18;
/// Retries in this side's REQ. With the codes above, who connects to nobody knows after (1 + 7) * 1.14 s = 9.1 s.
pub const MAX_CM_RETRIES: u8 = 7;
/// Service timeout code in this side's MRA: 68.7 s, after which the peer asks again and gets another. Nor is a peer's MRA believed
/// for longer.
pub const SERVICE_TIMEOUT: u8 = 24;
/// How long a request waits for the consumer's decision, in milliseconds: ten minutes. Consumers may take minutes (CONN-16), but what
/// nobody will ever decide must not stay.
pub const DECISION_MS: u64 = 600_000;
/// Target acknowledgement delay code in this side's REP: 134 ms, as Linux's. Together with the path's life it makes 17.
pub const TARGET_ACK_DELAY: u8 = 15;
/// Transport retries of this side's queue pairs, and those that it asks of the peer: the most that there are.
pub const RETRY_COUNT: u8 = 7;

/// Acknowledgement timeouts that are believed: 537 ms, below which an outage of 3 s outlasts all retries, to 2.1 s, with which a dead
/// peer is noticed after 8 * 2.1 = 17 s, or four times that on slow devices.
const ACK_TIMEOUTS: Bounds = Bounds {
    least: 17,
    most: 19,
    default: ack_timeout(TARGET_ACK_DELAY, PACKET_LIFE),
};
/// Target acknowledgement delays that are believed: none of them makes an acknowledgement timeout longer than the longest.
const ACK_DELAYS: Bounds = Bounds {
    least: 1,
    most: 18,
    default: TARGET_ACK_DELAY,
};
/// Response timeouts that are believed: 537 ms to 4.3 s, which is what Linux names.
const RESPONSE_TIMEOUTS: Bounds = Bounds {
    least: 17,
    most: 20,
    default: RESPONSE_TIMEOUT,
};
/// Retries of connection management that are believed: enough for an outage of 3 s with the shortest response timeout, up to what
/// Linux names, which is the most that fits the field. With the longest response timeout that is 16 * 4.4 = 70 s.
const CM_RETRIES: Bounds = Bounds {
    least: 4,
    most: 15,
    default: MAX_CM_RETRIES,
};
/// Service timeouts that are believed: not shorter than an answer may take, not longer than this side would ask for.
const SERVICE_TIMEOUTS: Bounds = Bounds {
    least: RESPONSE_TIMEOUT,
    most: SERVICE_TIMEOUT,
    default: SERVICE_TIMEOUT,
};

/// What is made of a value that a peer names.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: u8,
    most: u8,
    /// For 0.
    default: u8,
}

impl Bounds {
    const fn of(self, named: u8) -> u8 {
        match named {
            0 => self.default,
            _ if named < self.least => self.least,
            _ if named > self.most => self.most,
            _ => named,
        }
    }
}

/// Milliseconds of a timeout code, rounded up.
pub const fn code_ms(code: u8) -> u64 {
    (4096_u64 << (code & 31)).div_ceil(1_000_000)
}

/// How long to wait for the answer of a peer that names `response_timeout`.
pub const fn answer_ms(response_timeout: u8) -> u64 {
    2 * code_ms(ANSWER_LIFE) + code_ms(RESPONSE_TIMEOUTS.of(response_timeout))
}

/// How often a message is repeated to a peer that names `retries`.
pub const fn cm_retries(retries: u8) -> u8 {
    CM_RETRIES.of(retries)
}

/// How much longer the peer's MRA makes the wait.
pub const fn patience_ms(service_timeout: u8) -> u64 {
    code_ms(SERVICE_TIMEOUTS.of(service_timeout)) + code_ms(ANSWER_LIFE)
}

/// How long ids and queue pair rest when the request named `ack_timeout`: until no packet and no retry of the connection can be
/// under way.
pub const fn rest_ms(ack_timeout: u8) -> u64 {
    code_ms(passive_ack_timeout(ack_timeout)) + 2 * code_ms(PACKET_LIFE)
}

/// The acknowledgement timeout code of the passive side's queue pair, whose peer's request named `ack_timeout`.
pub const fn passive_ack_timeout(ack_timeout: u8) -> u8 {
    ACK_TIMEOUTS.of(ack_timeout)
}

/// The acknowledgement timeout code of the active side's queue pair, whose peer's reply named `delay`.
pub const fn active_ack_timeout(delay: u8) -> u8 {
    ACK_TIMEOUTS.of(ack_timeout(ACK_DELAYS.of(delay), PACKET_LIFE))
}

/// The acknowledgement timeout code of a queue pair from the peer's delay and the packet life time (both codes), as Linux
/// combines them: a little more than the larger one, so that it covers both.
pub const fn ack_timeout(delay: u8, life: u8) -> u8 {
    let life = life + 1;
    let larger = if delay > life { delay } else { life };
    let sum = if delay.abs_diff(life) <= 1 {
        larger + 1
    } else {
        larger
    };
    if sum > 31 { 31 } else { sum }
}
