//! The state machines of calls and their legs: what they do in the common walks, and that the contract of CoNDIS call managers holds
//! wherever NDIS, the client, the peers and the device do what they may.

mod contract;
mod model;
mod moves;
mod settle;
mod world;

use cxndk::co::machine::call::{Action, Call, Creator, Event, Machine, Purpose};
use cxndk::co::machine::leg::{self, Happened, Stage};
use cxndk::nt::Status;
// The simulated kernel, which the driver's code links to.
use cxndk_testbed as _;

use contract::Contract;
use world::{FAILURE, World};

const OK: Result<(), Status> = Ok(());

/// What the machine gives out for these events, one after another.
fn walk(machine: &mut Machine, events: &[Event]) -> Vec<Action> {
    events.iter().flat_map(|event| machine.step(*event)).collect()
}

fn made() -> Machine {
    let mut machine = Machine::new(Creator::Client);
    machine.make().expect("an idle VC");
    let events = [Event::Ready, Event::Activated(Status::SUCCESS), Event::Done(OK)];
    let actions = walk(&mut machine, &events);
    assert_eq!(
        actions,
        [Action::Activate(Purpose::Make), Action::MakeRoom, Action::Made]
    );
    machine
}

/// Proves MAKE-05, CLOSE-08 and VC-28 of the state machine: a call is activated before it is made, and what it had is given back before its
/// close ends; then the VC is good for another.
#[test]
fn a_call_is_made_closed_and_made_again() {
    let mut machine = made();
    assert!(machine.make().is_err(), "it has a call");
    machine.close(1).expect("a call");
    assert!(machine.close(1).is_err(), "it is being closed");
    assert_eq!(machine.due(None, || true), Some(Event::Close));
    let actions = walk(&mut machine, &[Event::Close, Event::Quiet, Event::Undone]);
    assert_eq!(
        actions,
        [
            Action::AbortSends,
            Action::EndChange(Status::UNSUCCESSFUL),
            Action::Leave,
            Action::Undo { active: true },
            Action::Closed
        ]
    );
    assert_eq!(machine.call(), Call::Idle);
    machine.make().expect("it is good for another");
}

/// Proves MAKE-13 of the state machine: whoever closes a call that is being made hears of the make first, of the close then; what NDIS has
/// activated meanwhile is undone.
#[test]
fn a_close_waits_for_the_make_and_for_the_activation() {
    let mut machine = Machine::new(Creator::Client);
    machine.make().expect("an idle VC");
    walk(&mut machine, &[Event::Ready]);
    machine.close(1).expect("a call");
    machine.activated(Status::SUCCESS).expect("NDIS activates");
    let due = machine.due(Some(Stage::Ready), || false);
    assert_eq!(due, Some(Event::Close), "before the activation is looked at");
    let actions = walk(
        &mut machine,
        &[
            Event::Close,
            Event::Activated(Status::SUCCESS),
            Event::Undone,
            Event::Quiet,
            Event::Undone,
        ],
    );
    assert_eq!(
        actions,
        [
            Action::Leave,
            Action::Undo { active: true },
            Action::NotMade(Status::NDIS_REQUEST_ABORTED),
            Action::Undo { active: false },
            Action::Closed
        ]
    );
}

/// Proves INC-01, INC-09 of the state machine: a peer's call is offered on an active VC; one that the client rejects leaves no VC.
#[test]
fn a_call_that_is_rejected_takes_its_vc_along() {
    let mut machine = Machine::new(Creator::Manager);
    let offered = [Event::Begin, Event::Done(OK), Event::Activated(Status::SUCCESS)];
    assert_eq!(
        walk(&mut machine, &offered),
        [Action::Introduce, Action::Activate(Purpose::Offer), Action::Offer]
    );
    machine.decide(false).expect("it was offered");
    assert!(machine.decide(true).is_err(), "it has decided");
    assert_eq!(
        machine.due(None, || false),
        Some(Event::Decided { accepted: false })
    );
    let actions = walk(&mut machine, &[Event::Decided { accepted: false }, Event::Undone]);
    assert_eq!(
        actions,
        [
            Action::Leave,
            Action::CountFailure,
            Action::Undo { active: true },
            Action::Delete
        ]
    );
    assert_eq!(machine.call(), Call::Deleted);
}

/// Proves CLOSE-04, CLOSE-33 of the state machine: a call with other parties is not closed; once it is, nobody is told of its end.
#[test]
fn a_close_is_refused_for_other_parties_and_silences_the_end() {
    let mut machine = made();
    assert!(machine.close(2).is_err());
    let gone = Event::PeerGone {
        last: false,
        status: FAILURE,
    };
    assert_eq!(walk(&mut machine, &[gone]), [Action::TellDrop(FAILURE)]);
    machine.close(1).expect("one party");
    let gone = Event::PeerGone {
        last: true,
        status: FAILURE,
    };
    assert_eq!(walk(&mut machine, &[gone]), []);
}

/// Proves QOS-03, QOS-04 of the state machine: NDIS activates the VC when all peers agree, and not when one does not.
#[test]
fn a_change_is_made_by_agreement_of_all() {
    for agrees in [true, false] {
        let mut machine = made();
        machine.modify().expect("a call that stands");
        assert!(machine.modify().is_err(), "one at a time");
        let asked = Event::Asked {
            answers: 2,
            refused: false,
        };
        let answers = [agrees, true].map(|accepted| Event::Answered { accepted });
        let actions = walk(&mut machine, &[Event::Modify, asked, answers[0], answers[1]]);
        let last = if agrees {
            Action::Activate(Purpose::Modify)
        } else {
            Action::EndChange(Status::UNSUCCESSFUL)
        };
        assert_eq!(actions, [Action::Ask, last]);
    }
    let mut machine = made();
    machine.modify().expect("a call that stands");
    let nobody = Event::Asked {
        answers: 0,
        refused: true,
    };
    let actions = walk(&mut machine, &[Event::Modify, nobody]);
    assert_eq!(actions, [Action::Ask, Action::EndChange(Status::UNSUCCESSFUL)]);
}

/// Proves QOS-07, QOS-08, QOS-09 of the state machine: the peer hears yes after the client has heard of its change, no if the client closes
/// the call instead.
#[test]
fn a_peers_change_is_answered_after_the_client_knows() {
    for closes in [false, true] {
        let mut machine = made();
        let wants = Event::PeerWants { possible: true };
        let actions = walk(&mut machine, &[wants, Event::Activated(Status::SUCCESS)]);
        assert_eq!(
            actions,
            [Action::Activate(Purpose::PeersChange), Action::TakeChange]
        );
        if closes {
            machine.close(1).expect("a call");
        }
        assert_eq!(
            walk(&mut machine, &[Event::Done(OK)]),
            [Action::AnswerChange(!closes)]
        );
    }
}

/// Proves CLOSE-06 of the state machine: close data is sent and has arrived before the connection is released; a leg without any is
/// released at once.
#[test]
fn a_leg_says_what_there_is_to_say_before_it_disconnects() {
    for speaks in [true, false] {
        let mut leg = leg::Machine::outgoing(false);
        let up = [
            leg::Event::Begin,
            leg::Event::Done(OK),
            leg::Event::Replied,
            leg::Event::Done(OK),
            leg::Event::Open,
        ];
        let actions: Vec<_> = up.into_iter().flat_map(|event| leg.step(event)).collect();
        assert_eq!(actions, [leg::Action::Connect, leg::Action::Complete]);
        assert_eq!(leg.stage(), Stage::Up);
        let actions: Vec<_> = leg.step(leg::Event::Leave { speaks }).into_iter().collect();
        let first = if speaks {
            leg::Action::Say
        } else {
            leg::Action::Disconnect
        };
        assert_eq!(actions, [leg::Action::Shut, first]);
        assert_eq!(leg.due(Happened::empty()), None, "it waits");
        let said = speaks.then(|| leg.due(Happened::SAID)).flatten();
        let actions: Vec<_> = said.into_iter().flat_map(|event| leg.step(event)).collect();
        assert_eq!(actions.len(), usize::from(speaks));
        assert_eq!(leg.stage(), Stage::Disconnecting);
    }
}

/// A contract, and what a call manager does that breaks it.
type Wrong = (fn(&mut Contract), Action, &'static str);

fn is_noticed(creator: Creator, wrong: &[Wrong]) {
    for (prepare, action, rule) in wrong {
        let mut contract = Contract::new(creator);
        prepare(&mut contract);
        let broken = contract.before(*action, &[]).expect_err(rule);
        assert!(broken.contains(rule), "{action:?}: {broken}");
    }
}

/// What a call manager does wrong with a client's VC is noticed.
#[test]
fn a_broken_contract_of_a_clients_vc_is_noticed() {
    is_noticed(
        Creator::Client,
        &[
            (|_| {}, Action::NotMade(FAILURE), "MAKE-06"),
            (|vc| vc.make = true, Action::Made, "MAKE-05"),
            (|vc| vc.make = true, Action::NotMade(Status::PENDING), "GEN-02"),
            (
                |vc| (vc.make, vc.active) = (true, true),
                Action::NotMade(FAILURE),
                "MAKE-08",
            ),
            (|vc| (vc.make, vc.close) = (true, true), Action::Closed, "MAKE-13"),
            (
                |vc| (vc.modify, vc.close) = (true, true),
                Action::Closed,
                "GEN-02",
            ),
            (
                |vc| (vc.active, vc.close) = (true, true),
                Action::Closed,
                "CLOSE-08",
            ),
            (|_| {}, Action::Closed, "CLOSE-09"),
            (|_| {}, Action::Undo { active: true }, "CLOSE-13"),
            (|_| {}, Action::Delete, "VC-07"),
            (|_| {}, Action::AnswerChange(true), "QOS-09"),
            (|_| {}, Action::EndChange(Status::SUCCESS), "QOS-05"),
            (|_| {}, Action::Activate(Purpose::Modify), "VC-21"),
            (
                |vc| vc.activating = Some(Purpose::Make),
                Action::Activate(Purpose::Make),
                "VC-22",
            ),
        ],
    );
    let tells = Contract::gives_out(&[Action::TellEnd(FAILURE)], true);
    assert!(tells.is_err_and(|rule| rule.contains("CLOSE-33")));
    let mut contract = Contract::new(Creator::Client);
    let added = contract.added(1, Status::SUCCESS);
    assert!(added.is_err_and(|rule| rule.contains("PARTY-03")));
    let dropped = contract.dropped(1, false);
    assert!(dropped.is_err_and(|rule| rule.contains("PARTY-09")));
}

/// What a call manager does wrong with a VC of its own is noticed.
#[test]
fn a_broken_contract_of_a_call_managers_vc_is_noticed() {
    is_noticed(
        Creator::Manager,
        &[
            (|_| {}, Action::TellEnd(FAILURE), "INC-02"),
            (|vc| vc.known = true, Action::Introduce, "VC-04"),
            (|vc| vc.known = true, Action::Offer, "INC-01"),
            (
                |vc| (vc.known, vc.active) = (true, true),
                Action::Connected,
                "INC-07",
            ),
            (|vc| (vc.known, vc.active) = (true, true), Action::Delete, "VC-07"),
            (
                |vc| (vc.known, vc.told) = (true, true),
                Action::TellEnd(FAILURE),
                "CLOSE-30",
            ),
            (|vc| vc.known = true, Action::Forget, "VC-10"),
            (
                |vc| (vc.known, vc.deleted) = (true, true),
                Action::Closed,
                "VC-12",
            ),
        ],
    );
}

/// A world that is left in the midst of something has something pending.
#[test]
fn what_never_ends_is_noticed() {
    let mut world = World::new(model::SIZES[0].1);
    world.take(moves::Move::Make).expect("an idle VC");
    let pends = world.contract.nothing_pends(world.call.call());
    assert!(pends.is_err_and(|rule| rule.contains("GEN-02")));
    world
        .settle(false)
        .expect("it ends if everybody does what he must");
}
