//! What a peer names, and what it repeats, does not hold a connection longer or end it sooner than this side's bounds; a refusal that
//! another request avoids is followed by one.

use cxndk::cm::machine::{Machine, News, State};
use cxndk::cm::mad::{CommId, Mad, Message, Mra, Mraed, Rej, RejectReason, Rejected, Req};
use cxndk::cm::timeouts::{
    RETRY_COUNT, SERVICE_TIMEOUT, active_ack_timeout, answer_ms, cm_retries, code_ms, passive_ack_timeout,
    patience_ms, rest_ms,
};
use cxndk::cm::{Illegal, Outcome};

use crate::pair::{ACTIVE, End, PASSIVE, PASSIVE_GUID, Pair, TRANSACTION, acceptance, request};

/// An outage that every connection survives, in milliseconds: a switch that fails over.
const OUTAGE: u64 = 3_000;

#[test]
fn every_acknowledgement_timeout_survives_an_outage_and_notices_a_dead_peer() {
    for named in 0..32 {
        for code in [passive_ack_timeout(named), active_ack_timeout(named)] {
            let all_tries = code_ms(code) * (u64::from(RETRY_COUNT) + 1);
            assert!(all_tries > OUTAGE, "{named}: {all_tries} ms");
            // Devices take up to four times as long.
            assert!(4 * all_tries < 75_000, "{named}: {all_tries} ms");
        }
    }
    assert_eq!(
        (passive_ack_timeout(0), active_ack_timeout(0)),
        (17, 17),
        "a default"
    );
    assert_eq!(
        (passive_ack_timeout(18), active_ack_timeout(17)),
        (18, 18),
        "believed"
    );
}

#[test]
fn every_answer_is_awaited_for_longer_than_an_outage_and_not_for_ever() {
    for timeout in 0..32 {
        for retries in 0..16 {
            let all = answer_ms(timeout) * (1 + u64::from(cm_retries(retries)));
            assert!((OUTAGE..80_000).contains(&all), "{timeout}, {retries}: {all} ms");
        }
        assert!((500..10_000).contains(&rest_ms(timeout)));
        assert!((1_000..=patience_ms(SERVICE_TIMEOUT)).contains(&patience_ms(timeout)));
    }
    assert_eq!(patience_ms(0), patience_ms(SERVICE_TIMEOUT), "a default");
}

fn passive(change: impl FnOnce(&mut Req)) -> Machine {
    let mut req = request();
    change(&mut req);
    Machine::passive(&req, TRANSACTION, PASSIVE, PASSIVE_GUID)
}

/// Lets time pass until nothing is due any more; returns the last news and when it came.
fn silence(machine: &mut Machine) -> (Option<News>, u64) {
    let (mut news, mut now) = (None, 0);
    while let Some(deadline) = machine.deadline() {
        now = deadline;
        if let Some(what) = machine.expire(now).news {
            news = Some((what, now));
        }
    }
    news.map_or((None, now), |(what, when)| (Some(what), when))
}

/// Proves CONN-27: an accept ends in bounded time, whatever times its peer named.
#[test]
fn an_accept_ends_whatever_response_timeout_the_peer_named() {
    for (timeout, retries) in [(31, 15), (0, 0), (20, 15), (31, 0), (0, 15)] {
        let mut machine = passive(|req| {
            req.local_response_timeout = timeout;
            req.max_cm_retries = retries;
            req.primary.ack_timeout = 31;
        });
        let _ = machine.reply(acceptance(), 0).expect("a request waits");
        let (news, when) = silence(&mut machine);
        assert_eq!(news, Some(News::TimedOut));
        assert!(
            (OUTAGE..80_000).contains(&when),
            "{timeout}, {retries}: {when} ms"
        );
        assert_eq!(machine.state(), State::Idle, "and the ids rest in bounded time");
    }
}

#[test]
fn a_disconnect_ends_whatever_response_timeout_the_peer_named() {
    let mut machine = passive(|req| {
        req.local_response_timeout = 31;
        req.max_cm_retries = 15;
    });
    let _ = machine.reply(acceptance(), 0).expect("a request waits");
    let _ = machine.first_packet();
    let _ = machine.disconnect(0).expect("established");
    let (news, when) = silence(&mut machine);
    assert_eq!(news, Some(News::Disconnected(Outcome::TimedOut)));
    assert!(when < 80_000, "{when} ms");
}

fn plea(service_timeout: u8) -> Mad {
    let mra = Mra {
        local_comm_id: ACTIVE,
        remote_comm_id: PASSIVE,
        message: Mraed::Rep,
        service_timeout,
        private_data: [0; 222],
    };
    Mad::new(TRANSACTION, Message::Mra(mra))
}

#[test]
fn a_peer_that_pleads_again_and_again_does_not_hold_an_accept() {
    let mut machine = passive(|_| {});
    let _ = machine.reply(acceptance(), 0).expect("a request waits");
    let mut now = 0;
    while machine.state() == State::RepSent && now < 3_600_000 {
        now += 1_000;
        let _ = machine.receive(&plea(31), now);
        let _ = machine.expire(now);
    }
    assert!(now < 700_000, "{now} ms");
}

#[test]
fn a_plea_never_shortens_a_wait() {
    let mut machine = passive(|_| {});
    let _ = machine.reply(acceptance(), 0).expect("a request waits");
    let before = machine.deadline();
    let _ = machine.receive(&plea(1), 0);
    assert!(machine.deadline() >= before);
}

/// A rejection of the request of `pair`'s active end.
fn reject(pair: &mut Pair, reason: RejectReason, ari: &[u8]) {
    let mut rej = Rej {
        local_comm_id: CommId::NONE,
        remote_comm_id: ACTIVE,
        message: Rejected::Req,
        reason,
        ari_length: ari.len() as u8,
        ari: [0; 72],
        private_data: [0; 148],
    };
    rej.ari[..ari.len()].copy_from_slice(ari);
    let now = pair.now;
    let step = pair
        .active
        .receive(&Mad::new(TRANSACTION, Message::Rej(rej)), now);
    pair.took(End::Active, &step);
}

fn start_over(pair: &mut Pair, id: u32) {
    let (now, path_mtu) = (pair.now, pair.active.wants_another(pair.now).expect("due"));
    let req = Req {
        local_comm_id: CommId(id),
        path_mtu,
        ..request()
    };
    let step = pair.active.start_over(&req, u64::from(id), now);
    pair.took(End::Active, &step.expect("a request was refused"));
}

#[test]
fn a_request_whose_mtu_is_refused_is_made_again_with_the_one_offered() {
    let mut pair = Pair::losing(|_| true);
    reject(&mut pair, RejectReason::INVALID_PATH_MTU, &[1]);
    assert_eq!((pair.active.state(), pair.news.len()), (State::StartingOver, 0));
    assert_eq!(pair.active.wants_another(pair.now), Some(1));
    start_over(&mut pair, 77);
    assert_eq!((pair.active.state(), pair.sent), (State::ReqSent, 2));
    assert_eq!(pair.active.local(), CommId(77));
    // What is offered must be less than what was asked for: the exchange ends.
    reject(&mut pair, RejectReason::INVALID_PATH_MTU, &[1]);
    assert_eq!(pair.news, [(End::Active, News::Rejected)]);
}

#[test]
fn an_offer_that_means_nothing_is_a_refusal() {
    for ari in [&[][..], &[0], &[3], &[5], &[9]] {
        let mut pair = Pair::losing(|_| true);
        reject(&mut pair, RejectReason::INVALID_PATH_MTU, ari);
        assert_eq!(pair.news, [(End::Active, News::Rejected)], "{ari:?}");
    }
}

#[test]
fn a_request_that_finds_a_stale_connection_is_made_again_after_a_while_and_not_for_ever() {
    let mut pair = Pair::losing(|_| true);
    let mut requests = 0;
    while pair.news.is_empty() {
        requests += 1;
        reject(&mut pair, RejectReason::STALE_CONNECTION, &[]);
        if pair.news.is_empty() {
            assert_eq!(pair.active.wants_another(pair.now), None, "not at once");
            pair.now = pair.active.deadline().expect("it waits");
            start_over(&mut pair, 100 + requests);
        }
    }
    assert_eq!(pair.news, [(End::Active, News::Rejected)]);
    assert_eq!(requests, 4);
    assert!((OUTAGE..10_000).contains(&pair.now), "{} ms", pair.now);
}

#[test]
fn a_connection_that_waits_to_start_over_can_be_given_up() {
    let mut pair = Pair::losing(|_| true);
    reject(&mut pair, RejectReason::STALE_CONNECTION, &[]);
    pair.abandon(End::Active);
    assert_eq!(
        (pair.active.state(), pair.sent),
        (State::Idle, 1),
        "nothing to tell"
    );
    assert_eq!(pair.active.start_over(&request(), 1, 0), Err(Illegal));
    let mut pair = Pair::losing(|_| true);
    reject(&mut pair, RejectReason::STALE_CONNECTION, &[]);
    let step = pair.active.lose(0);
    assert_eq!((step.send, step.news), (None, Some(News::Aborted)));
}
