//! Many queue pairs that do nothing: what they cost the device.

use super::node::{Node, RC, RECEIVE_CQ, connected};
use super::post::receive;
use crate::{Qpn, State, Syndrome};

/// Queue pairs in error.
const CROWD: u64 = 270;
const MILLISECOND: u64 = 1_000_000;

/// Proves connectx 9: however many queue pairs are in error, receives posted to them are flushed within about a millisecond; and
/// the device looks at all of them at once, not at one after the other all the time.
#[test]
fn queue_pairs_in_error_are_looked_at_together() {
    let mut node = Node::new(0);
    let attributes = connected(0);
    let numbers = (0..CROWD).map(|index| Qpn(RC.0 + index as u32));
    for (index, number) in numbers.enumerate() {
        node.raise(number, State::ReadyToSend, &attributes);
        let change = (number, State::Error);
        node.engine
            .transition(&node.host, index as u64 * 3_777, change, &attributes);
    }
    let settled = 4 * MILLISECOND;
    let (mut now, mut turns) = (MILLISECOND, 0);
    receive(&node, Qpn(RC.0 + 17), &[(0, 64)]);
    while let Some(next) = node
        .engine
        .run(&node.host, now)
        .filter(|&at| at < 104 * MILLISECOND)
    {
        now = next.max(now);
        turns += u32::from(now >= settled);
        if turns == 1 {
            assert_eq!(
                node.completions(RECEIVE_CQ),
                [(0, Some(Syndrome::Flushed))],
                "posted long ago"
            );
        }
    }
    assert!((99..=101).contains(&turns), "{turns} turns in 100 ms");
}
