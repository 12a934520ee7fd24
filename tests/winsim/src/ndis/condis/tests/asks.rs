//! Requests between clients, miniport and call manager, and what the miniport tells; at every level, answered at once and later.

use cxndk::sys::ndis::NDIS_STATUS_PENDING;

use super::client::About;
use super::flows::{end, make, passes};
use super::{OUTGOING, act, client, host, log, manager, pair, until};
use crate::ndis::kernel;
use crate::sim;

/// The levels at which requests may be made, and all that they can be about.
const LEVELS: [u8; 3] = [0, 1, 2];
const ALL: [About; 3] = [About::Adapter, About::Vc, About::Party];

/// Runs `f` at a level.
fn at(level: u8, f: impl FnOnce() + 'static) {
    act(move || {
        let old = kernel::raise(level);
        f();
        kernel::lower(old);
    });
}

/// A multipoint call, on which `scenario` runs.
fn with_party(scenario: impl FnOnce()) {
    make(1);
    log();
    scenario();
    act(|| client::close(OUTGOING, client::party(0)));
    until("closed 0x0");
    assert_eq!(act(|| client::delete(OUTGOING)), 0);
}

/// Proves OID-01 of the CoNDIS contract, OID-05, OID-07, REG-06: a client's requests reach the miniport, with the adapter's context, or the
/// call manager, with the family's, and are about what they were about.
#[test]
fn a_clients_requests_reach_whom_they_are_for() {
    passes(|| {
        with_party(|| {
            for level in LEVELS {
                for about in ALL {
                    at(level, move || client::ask_about(true, about));
                    until(match about {
                        About::Adapter => "manager asked of 0x0 0x0",
                        About::Vc => "manager asked of 0x14 0x0",
                        About::Party => "manager asked of 0x14 0x50",
                    });
                    until("answered 0x0");
                    let of = match about {
                        About::Adapter => "answered of 0x21 0x0 0x0",
                        About::Vc => "answered of 0x21 0x24 0x0",
                        About::Party => "answered of 0x21 0x24 0x60",
                    };
                    assert_eq!(log().iter().any(|line| line == of), pair().pends.get());
                }
                for about in [About::Adapter, About::Vc] {
                    at(level, move || client::ask_about(false, about));
                    until(match about {
                        About::Adapter => "miniport asked of 0x0",
                        _ => "miniport asked of 0x14",
                    });
                    until("answered 0x0");
                    log();
                }
            }
        });
    });
}

/// Proves OID-09 of the CoNDIS contract: the call manager's requests reach the client, which does not know them, and says so at once or later.
#[test]
fn the_call_managers_requests_reach_the_client() {
    passes(|| {
        with_party(|| {
            for level in LEVELS {
                for about in ALL {
                    at(level, move || manager::ask_client(about));
                    until(match about {
                        About::Adapter => "client asked of 0x0 0x0",
                        About::Vc => "client asked of 0x24 0x0",
                        About::Party => "client asked of 0x24 0x60",
                    });
                    until("client answered 0xc00000bb");
                    let of = match about {
                        About::Adapter => "client answered of 0x0 0x0",
                        About::Vc => "client answered of 0x14 0x0",
                        About::Party => "client answered of 0x14 0x50",
                    };
                    assert_eq!(log().iter().any(|line| line == of), pair().pends.get());
                }
            }
        });
    });
}

/// Proves OID-02 of the CoNDIS contract: requests are not serialised; many are out at a time.
#[test]
fn many_requests_are_out_at_a_time() {
    passes(|| {
        act(|| {
            for _ in 0..8 {
                client::ask(true);
                client::ask(false);
                manager::ask_client(About::Adapter);
            }
        });
        sim::sleep(sim::MILLISECOND);
        let log = log();
        let count = |what: &str| log.iter().filter(|line| *line == what).count();
        assert_eq!(
            (count("answered 0x0"), count("client answered 0xc00000bb")),
            (16, 8)
        );
    });
}

/// The packet filter, whose setting the tiny miniport pends.
const PACKET_FILTER: u32 = 0x0001_010e;
/// The lookahead, which it sets at once.
const LOOKAHEAD: u32 = 0x0001_010f;

/// Ordinary requests of a protocol driver come back by its handler, whatever level they were made at; the miniport gets one at a time.
#[test]
fn ordinary_requests_come_back() {
    passes(|| {
        log();
        for level in LEVELS {
            at(level, || {
                for oid in [PACKET_FILTER, LOOKAHEAD, PACKET_FILTER] {
                    assert_eq!(
                        client::ask_plainly(oid, client::new_request()),
                        NDIS_STATUS_PENDING
                    );
                }
            });
            sim::sleep(sim::MILLISECOND);
            let mut answers = log();
            answers.sort();
            let filter = "plainly answered 0x1010e 0x0";
            assert_eq!(answers, [filter, filter, "plainly answered 0x1010f 0x0"]);
        }
    });
}

/// Proves OID-20: a status goes to every binding, or to the client of the VC.
#[test]
fn statuses_reach_whom_they_are_for() {
    passes(|| {
        make(0);
        act(manager::indicate_status);
        until("status");
        log();
        act(|| manager::indicate_status_of(manager::outgoing()));
        until("status of 0x24");
        end();
    });
}

/// Proves OID-23: a binding hears of one status at a time.
#[test]
fn statuses_come_one_after_the_other() {
    passes(|| {
        log();
        for _ in 0..3 {
            kernel::worker(host(), "status", manager::indicate_status);
        }
        sim::sleep(sim::MILLISECOND);
        assert_eq!(log(), ["status begins", "status"].repeat(3));
    });
}
