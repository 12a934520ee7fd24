//! The connection state machine: two of them talk through encoded datagrams, with and without losses.

mod bounds;
mod pair;

use cxndk::cm::machine::{News, State};
use cxndk::cm::mad::{CommId, Mad, Message, Qpn, RejectReason, Rejected};
use cxndk::cm::timeouts::{
    MAX_CM_RETRIES, PACKET_LIFE, SERVICE_TIMEOUT, TARGET_ACK_DELAY, ack_timeout, code_ms, rest_ms,
};
use cxndk::cm::{Illegal, Outcome};
// The simulated kernel, which the driver's code links to.
use cxndk_testbed as _;
use pair::{
    ACTIVE, ACTIVE_GUID, End, PASSIVE, PASSIVE_GUID, PASSIVE_QPN, Pair, TRANSACTION, WAIT, acceptance,
    request,
};
use proptest::prelude::*;

/// Proves CONN-03 and CONN-28: the active side learns of the acceptance from the REP, the passive side of the completion from
/// the RTU, neither earlier.
#[test]
fn a_connection_is_made_by_three_messages() {
    let mut pair = Pair::new();
    assert_eq!(pair.states(), (State::ReqSent, State::Idle));
    pair.deliver();
    assert_eq!(pair.states(), (State::ReqSent, State::ReqReceived));
    assert_eq!(pair.news, []);
    pair.accept();
    pair.deliver();
    assert_eq!(pair.states(), (State::RepReceived, State::RepSent));
    assert_eq!(pair.news, [(End::Active, News::Replied)]);
    pair.ready();
    pair.deliver();
    assert_eq!(pair.states(), (State::Established, State::Established));
    assert_eq!(
        pair.news,
        [(End::Active, News::Replied), (End::Passive, News::Established)]
    );
    assert_eq!((pair.active.deadline(), pair.sent), (None, 3));
}

#[test]
fn each_message_carries_the_ids_of_both_ends_and_the_transaction_of_the_request() {
    let mut pair = Pair::new();
    pair.deliver();
    pair.accept();
    let (_, rep) = pair.wire[0];
    assert_eq!(
        (rep.message.local_comm_id(), rep.message.remote_comm_id()),
        (PASSIVE, ACTIVE)
    );
    assert_eq!(rep.header.transaction_id, TRANSACTION);
    let Message::Rep(body) = rep.message else {
        panic!("a REP")
    };
    assert_eq!(body.local_ca_guid, PASSIVE_GUID);
    pair.deliver();
    pair.ready();
    let (_, rtu) = pair.wire[0];
    assert_eq!(
        (rtu.message.local_comm_id(), rtu.message.remote_comm_id()),
        (ACTIVE, PASSIVE)
    );
    pair.deliver();
    pair.disconnect(End::Active);
    let Message::Dreq(dreq) = pair.next() else {
        panic!("a DREQ")
    };
    assert_eq!(dreq.remote_qpn, Qpn::new(PASSIVE_QPN));
    let asked = pair.wire[0].1.header.transaction_id;
    pair.deliver();
    pair.disconnect(End::Passive);
    assert_eq!(pair.wire[0].1.header.transaction_id, asked);
}

#[test]
fn who_connects_to_nobody_gives_up_after_all_retries() {
    let mut pair = Pair::losing(|_| true);
    while pair.tick() {}
    assert_eq!(pair.news, [(End::Active, News::TimedOut)]);
    assert_eq!(pair.active.state(), State::Idle);
    assert_eq!(pair.sent, 1 + u32::from(MAX_CM_RETRIES));
    assert_eq!(pair.now, WAIT * 8);
    assert!(pair.now < 10_000, "bounded: {} ms", pair.now);
}

/// Proves CONN-14 and CONN-27 on this floor: an active side that never completes ends the accept with a timeout.
#[test]
fn an_acceptance_that_is_never_completed_times_out() {
    let mut pair = Pair::losing(|number| number > 0);
    pair.deliver();
    pair.accept();
    while pair
        .passive
        .as_ref()
        .is_some_and(|machine| machine.state() == State::RepSent)
    {
        pair.tick();
    }
    assert!(pair.news.contains(&(End::Passive, News::TimedOut)));
    assert_eq!(pair.states().1, State::Timewait);
}

/// Proves CONN-16: neither end times out because the other's consumer takes minutes, as long as requests come and are heard.
#[test]
fn slow_consumers_are_asked_for_patience() {
    let mut pair = Pair::new();
    pair.deliver();
    // More than six minutes before Accept ...
    while pair.now < 400_000 {
        assert!(pair.tick());
        pair.deliver();
        assert_eq!(pair.states(), (State::ReqSent, State::ReqReceived));
    }
    pair.accept();
    pair.deliver();
    // ... are within the retries of one request, each of which buys another minute.
    assert!(
        pair.sent < 2 * (1 + u32::from(MAX_CM_RETRIES)) + 3,
        "{} messages",
        pair.sent
    );
    assert_eq!(pair.states(), (State::RepReceived, State::RepSent));
    let accepted = pair.now;
    while pair.now < accepted + 300_000 {
        assert!(pair.tick());
        pair.deliver();
        assert_eq!(pair.states(), (State::RepReceived, State::RepSent));
    }
    pair.ready();
    pair.deliver();
    assert_eq!(pair.states(), (State::Established, State::Established));
}

#[test]
fn a_peer_cannot_ask_for_more_patience_than_we_would() {
    let mut pair = Pair::new();
    pair.deliver();
    pair.tick();
    pair.deliver();
    let honest = pair.active.deadline().expect("still waiting");
    let mut hostile = Pair::new();
    hostile.deliver();
    hostile.tick();
    // The repeated request reaches the passive side, whose plea is falsified.
    let (_, again) = hostile.wire.pop_front().expect("the request again");
    let step = hostile.machine(End::Passive).receive(&again, WAIT);
    let mut mad = step.send.expect("an MRA");
    let Message::Mra(mra) = &mut mad.message else {
        panic!("an MRA")
    };
    assert_eq!(mra.service_timeout, SERVICE_TIMEOUT);
    mra.service_timeout = 31;
    let _ = hostile.active.receive(&mad, hostile.now);
    assert_eq!(hostile.active.deadline(), Some(honest));
}

/// Proves CONN-32 on this floor: a rejected request ends the connect; the passive side forgets it at once.
#[test]
fn a_rejected_request_ends_the_connect_with_the_private_data() {
    let mut pair = Pair::new();
    pair.deliver();
    let mut data = [0; 148];
    data[..4].copy_from_slice(b"nope");
    let step = pair
        .machine(End::Passive)
        .reject(RejectReason::CONSUMER, data, 0)
        .expect("a request waits");
    pair.took(End::Passive, &step);
    let Message::Rej(rej) = pair.next() else {
        panic!("a REJ")
    };
    assert_eq!(
        (rej.message, rej.reason, &rej.private_data[..4]),
        (Rejected::Req, RejectReason::CONSUMER, &b"nope"[..])
    );
    assert_eq!((rej.local_comm_id, rej.remote_comm_id), (PASSIVE, ACTIVE));
    pair.deliver();
    assert_eq!(pair.news, [(End::Active, News::Rejected)]);
    assert_eq!(pair.states(), (State::Idle, State::Idle));
}

/// Proves CONN-31 and CONN-32: the active side may reject after the reply and before it is ready; the accept fails.
#[test]
fn a_rejected_reply_ends_the_accept() {
    let mut pair = Pair::new();
    pair.deliver();
    pair.accept();
    pair.deliver();
    let step = pair
        .active
        .reject(RejectReason::CONSUMER, [0; 148], 0)
        .expect("a reply is there");
    pair.took(End::Active, &step);
    let Message::Rej(rej) = pair.next() else {
        panic!("a REJ")
    };
    assert_eq!(rej.message, Rejected::Rep);
    pair.deliver();
    assert_eq!(pair.news.last(), Some(&(End::Passive, News::Rejected)));
    assert_eq!(pair.states(), (State::Timewait, State::Idle));
    assert_eq!(pair.active.ready(), Err(Illegal));
}

/// Proves CONN-14: who gets ready after the peer gave up is told so.
#[test]
fn a_reply_that_was_taken_back_cannot_be_completed() {
    let mut pair = Pair::new();
    pair.deliver();
    pair.accept();
    pair.deliver();
    pair.abandon(End::Passive);
    pair.deliver();
    assert_eq!(pair.states(), (State::Timewait, State::Timewait));
    assert_eq!(pair.active.ready(), Err(Illegal));
}

/// Proves CONN-27 and CONN-30: accept and reject of a request that was taken back are illegal.
#[test]
fn a_request_that_was_taken_back_cannot_be_answered() {
    let mut pair = Pair::new();
    pair.deliver();
    pair.abandon(End::Active);
    let Message::Rej(rej) = pair.next() else {
        panic!("a REJ")
    };
    assert_eq!(
        (rej.message, rej.reason),
        (Rejected::Other, RejectReason::TIMEOUT)
    );
    assert_eq!(rej.additional_information(), ACTIVE_GUID.to_be_bytes());
    assert_eq!((rej.local_comm_id, rej.remote_comm_id), (ACTIVE, CommId::NONE));
    pair.deliver();
    assert_eq!(pair.states(), (State::Idle, State::Idle));
    assert_eq!(pair.machine(End::Passive).reply(acceptance(), 0), Err(Illegal));
    assert_eq!(
        pair.machine(End::Passive)
            .reject(RejectReason::CONSUMER, [0; 148], 0),
        Err(Illegal)
    );
    assert_eq!(pair.news, []);
}

/// Proves CONN-61 and CONN-63: the peer hears of it once, and the one who asked is done when it agreed.
#[test]
fn a_disconnect_is_agreed_by_both() {
    for (first, second) in [(End::Active, End::Passive), (End::Passive, End::Active)] {
        let mut pair = Pair::established();
        pair.disconnect(first);
        pair.deliver();
        assert_eq!(pair.news, [(second, News::DisconnectRequested)]);
        assert_eq!(pair.machine(first).state(), State::DreqSent);
        // The peer hears nothing new when the request comes again.
        pair.tick();
        pair.deliver();
        assert_eq!(pair.news.len(), 1);
        pair.disconnect(second);
        pair.deliver();
        assert_eq!(pair.news[1..], [(first, News::Disconnected(Outcome::Graceful))]);
        assert_eq!(pair.states(), (State::Timewait, State::Timewait));
        assert!(pair.active.is_past() && !pair.active.is_live());
    }
}

/// Proves CONN-73: both ask at once, both succeed, and neither hears of the other's wish.
#[test]
fn crossing_disconnects_succeed_on_both_sides() {
    let mut pair = Pair::established();
    pair.disconnect(End::Active);
    pair.disconnect(End::Passive);
    pair.deliver();
    let mut ended = pair.news.clone();
    ended.sort_by_key(|(end, _)| *end == End::Passive);
    let graceful = News::Disconnected(Outcome::Graceful);
    assert_eq!(ended, [(End::Active, graceful), (End::Passive, graceful)]);
    assert_eq!(pair.states(), (State::Timewait, State::Timewait));
}

/// Proves CONN-60: a peer that is gone ends the disconnect with a timeout.
#[test]
fn a_disconnect_that_nobody_answers_times_out() {
    let mut pair = Pair::established();
    pair.lose = Box::new(|_| true);
    pair.disconnect(End::Active);
    while pair.active.state() == State::DreqSent {
        pair.tick();
    }
    assert_eq!(pair.news, [(End::Active, News::Disconnected(Outcome::TimedOut))]);
    assert_eq!(
        (pair.active.state(), pair.states().1),
        (State::Timewait, State::Established)
    );
    assert_eq!(pair.now, WAIT * 8);
}

/// Proves CONN-77: only what is established can be disconnected.
#[test]
fn calls_in_other_states_are_illegal() {
    let mut pair = Pair::new();
    assert_eq!(pair.active.disconnect(0), Err(Illegal));
    assert_eq!(pair.active.ready(), Err(Illegal));
    assert_eq!(pair.active.reply(acceptance(), 0), Err(Illegal));
    assert_eq!(
        pair.active.reject(RejectReason::CONSUMER, [0; 148], 0),
        Err(Illegal)
    );
    pair.deliver();
    assert_eq!(pair.machine(End::Passive).disconnect(0), Err(Illegal));
    assert_eq!(pair.machine(End::Passive).ready(), Err(Illegal));
    pair.accept();
    assert_eq!(pair.machine(End::Passive).reply(acceptance(), 0), Err(Illegal));
    let mut pair = Pair::established();
    assert_eq!(pair.active.ready(), Err(Illegal));
    pair.disconnect(End::Active);
    assert_eq!(pair.active.disconnect(0), Err(Illegal));
}

#[test]
fn a_lost_rtu_is_replaced_by_the_first_packet_or_by_a_release() {
    let lost_rtu = || {
        let mut pair = Pair::losing(|number| number == 2);
        pair.deliver();
        pair.accept();
        pair.deliver();
        pair.ready();
        assert_eq!(pair.states(), (State::Established, State::RepSent));
        pair.news.clear();
        pair
    };
    let mut pair = lost_rtu();
    let step = pair.machine(End::Passive).first_packet();
    assert_eq!((step.send, step.news), (None, Some(News::Established)));
    let mut pair = lost_rtu();
    pair.disconnect(End::Active);
    pair.deliver();
    assert_eq!(
        pair.news,
        [(End::Passive, News::EstablishedThenDisconnectRequested)]
    );
    assert_eq!(pair.states(), (State::DreqSent, State::DreqReceived));
    // Without either, the reply comes again and is answered with another RTU.
    let mut pair = lost_rtu();
    pair.tick();
    pair.deliver();
    assert_eq!(pair.states(), (State::Established, State::Established));
}

#[test]
fn a_release_for_another_queue_pair_is_ignored() {
    let mut pair = Pair::established();
    pair.disconnect(End::Active);
    let Some((_, mut mad)) = pair.wire.pop_front() else {
        panic!("a DREQ")
    };
    let Message::Dreq(dreq) = &mut mad.message else {
        panic!("a DREQ")
    };
    dreq.remote_qpn = Qpn::new(PASSIVE_QPN + 1);
    let step = pair.machine(End::Passive).receive(&mad, 0);
    assert_eq!((step.send, step.news), (None, None));
    assert_eq!(pair.states().1, State::Established);
}

#[test]
fn a_connection_that_rests_answers_what_comes_late() {
    let mut pair = Pair::established();
    pair.disconnect(End::Active);
    let (_, dreq) = pair.wire[0];
    pair.deliver();
    pair.disconnect(End::Passive);
    pair.deliver();
    let passive = pair.machine(End::Passive);
    let again = passive.receive(&dreq, 10);
    assert!(matches!(
        again.send.map(|mad| mad.message),
        Some(Message::Drep(_))
    ));
    let stale = passive.receive(&Mad::new(TRANSACTION, Message::Req(request())), 10);
    let Some(Message::Rej(rej)) = stale.send.map(|mad| mad.message) else {
        panic!("a REJ")
    };
    assert_eq!(rej.reason, RejectReason::STALE_CONNECTION);
    assert_eq!((again.news, stale.news), (None, None));
    assert_eq!(passive.deadline(), Some(rest_ms(15)));
    while pair.tick() {}
    assert_eq!(pair.states(), (State::Idle, State::Idle));
    assert_eq!(pair.now, rest_ms(15));
}

/// Proves CONN-75 on this floor: a connection that the peer has forgotten is aborted, with news once.
#[test]
fn a_peer_that_started_over_aborts_the_connection() {
    let mut pair = Pair::established();
    let now = pair.now;
    let step = pair.machine(End::Passive).lose(now);
    pair.took(End::Passive, &step);
    assert!(matches!(pair.next(), Message::Dreq(_)));
    assert_eq!(pair.news, [(End::Passive, News::Aborted)]);
    pair.deliver();
    assert_eq!(pair.news[1..], [(End::Active, News::DisconnectRequested)]);
}

#[test]
fn what_is_abandoned_tells_the_peer_in_the_way_of_its_state() {
    let mut pair = Pair::new();
    pair.deliver();
    pair.abandon(End::Passive);
    pair.deliver();
    assert_eq!(pair.news, [(End::Active, News::Rejected)]);
    let mut pair = Pair::established();
    pair.abandon(End::Active);
    pair.deliver();
    assert_eq!(pair.news, [(End::Passive, News::DisconnectRequested)]);
    pair.abandon(End::Passive);
    pair.deliver();
    // Whoever abandoned has nobody to tell, but the exchange is complete.
    assert_eq!(pair.states(), (State::Timewait, State::Timewait));
}

#[test]
fn timeouts_are_those_of_the_codes() {
    assert_eq!(
        (code_ms(0), code_ms(8), code_ms(20), code_ms(24)),
        (1, 2, 4295, 68_720)
    );
    // What Linux combines from a delay of 15 and a life of 16.
    assert_eq!(ack_timeout(15, 16), 17);
    assert_eq!(ack_timeout(16, 16), 18);
    assert_eq!(ack_timeout(31, 31), 31);
    assert_eq!(ack_timeout(TARGET_ACK_DELAY, PACKET_LIFE), 17);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is lost, both ends come to rest; and what one takes for granted the other has not denied.
    #[test]
    fn connect_and_disconnect_end_whatever_is_lost(pattern: u64, second_asks: bool) {
        let mut pair = Pair::losing(move |number| pattern >> (number % 64) & 1 == 1);
        let mut asked = false;
        for _ in 0..400 {
            pair.deliver();
            if pair.states().1 == State::ReqReceived {
                pair.accept();
            }
            if pair.active.state() == State::RepReceived {
                pair.ready();
            }
            let both = pair.states() == (State::Established, State::Established);
            if both && !asked {
                asked = true;
                pair.disconnect(if second_asks { End::Passive } else { End::Active });
            }
            for end in [End::Active, End::Passive] {
                if pair.passive.is_some() && pair.machine(end).state() == State::DreqReceived {
                    pair.disconnect(end);
                }
            }
            if pair.wire.is_empty() && !pair.tick() {
                break;
            }
        }
        let (active, passive) = pair.states();
        // One end may believe in a connection that the other gave up: its transport will tell. Nothing else lingers.
        let rests = |state| matches!(state, State::Idle | State::Established);
        prop_assert!(rests(active) && rests(passive), "{:?}", pair.states());
        prop_assert!(pair.now < 60_000, "after {} ms", pair.now);
        let ended = |end| pair.news.iter().filter(|(who, news)| *who == end && matches!(news, News::Disconnected(_))).count();
        if asked {
            prop_assert_eq!(ended(End::Active) + ended(End::Passive), 1);
        }
        for end in [End::Active, End::Passive] {
            let first = |news: &News| matches!(news, News::Replied | News::Rejected | News::TimedOut | News::Established | News::EstablishedThenDisconnectRequested);
            prop_assert!(pair.news.iter().filter(|(who, news)| *who == end && first(news)).count() <= 1);
        }
    }
}
