//! Times of connection management. On the wire they are codes: 4.096 us * 2^code.

/// Packet life time code of a path: 33.6 ms, generous for the networks that `RoCE` runs on (Linux assumes 16).
pub const PACKET_LIFE: u8 = 13;
/// Response timeout code in this side's REQ, both directions: 1.07 s.
pub const RESPONSE_TIMEOUT: u8 = 18;
/// Retries in this side's REQ. With the codes above, who connects to nobody knows after (1 + 7) * 1.14 s = 9.1 s.
pub const MAX_CM_RETRIES: u8 = 7;
/// Service timeout code in this side's MRA: 68.7 s, after which the peer asks again and gets another. Nor is a peer's MRA believed
/// for longer.
pub const SERVICE_TIMEOUT: u8 = 24;
/// Target acknowledgement delay code in this side's REP: 33.6 ms.
pub const TARGET_ACK_DELAY: u8 = 13;

/// Milliseconds of a timeout code, rounded up.
pub const fn code_ms(code: u8) -> u64 {
    (4096_u64 << (code & 31)).div_ceil(1_000_000)
}

/// How long to wait for the answer of a peer that may take as long as `response_timeout` says.
pub const fn answer_ms(response_timeout: u8) -> u64 {
    2 * code_ms(PACKET_LIFE) + code_ms(response_timeout)
}

/// How much longer the peer's MRA makes the wait.
pub const fn patience_ms(service_timeout: u8) -> u64 {
    let code = if service_timeout < SERVICE_TIMEOUT {
        service_timeout
    } else {
        SERVICE_TIMEOUT
    };
    code_ms(code) + code_ms(PACKET_LIFE)
}

/// How long ids and queue pair rest: until no packet and no retry of the connection can be under way.
pub const fn rest_ms(ack_timeout: u8) -> u64 {
    code_ms(ack_timeout) + 2 * code_ms(PACKET_LIFE)
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
