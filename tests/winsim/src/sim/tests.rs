//! The executor's own tests.

use super::faults::{Plan, When};
use super::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Three contexts and a chain of events that leave their order in the history.
fn small_world() -> u64 {
    let order = Rc::new(RefCell::new(Vec::new()));
    #[expect(clippy::needless_collect, reason = "all begin before one is waited for")]
    let tasks: Vec<_> = (0..3_u64)
        .map(|number| {
            let order = Rc::clone(&order);
            spawn(TaskSpec::new(format!("worker {number}")), move || {
                for round in 0..20 {
                    trace("round", number, round);
                    order.borrow_mut().push(number);
                    preempt();
                    if chance(Stream::Custom(3), 300_000) {
                        sleep(1 + choose(Stream::World, 500));
                    }
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(join);
    assert_eq!(order.borrow().len(), 60);
    fingerprint()
}

#[test]
fn one_seed_gives_one_history_and_another_seed_another() {
    let first = run(7, small_world).expect("the world runs");
    assert_eq!(first, run(7, small_world).expect("the world runs"));
    let others: std::collections::BTreeSet<_> = (100..150)
        .map(|seed| run(seed, small_world).expect("the world runs"))
        .collect();
    assert_eq!(others.len(), 50);
    assert!(!others.contains(&first));
}

#[test]
fn time_moves_to_the_next_event_and_events_keep_their_order() {
    let order = run(1, || {
        let order = Rc::new(RefCell::new(Vec::new()));
        for (delay, name) in [(20, "c"), (10, "a"), (10, "b"), (15, "never")] {
            let order = Rc::clone(&order);
            let id = after(delay, move || order.borrow_mut().push((now(), name)));
            if name == "never" {
                assert!(cancel(id));
                assert!(!cancel(id));
            }
        }
        sleep(50);
        order.take()
    });
    assert_eq!(order.expect("the run ends"), [(10, "a"), (10, "b"), (20, "c")]);
}

#[test]
fn a_wake_up_before_the_wait_is_not_lost() {
    run(1, || {
        let me = current().expect("a context");
        unpark(me);
        park();
        assert!(park_until("nothing", now() + 100));
        assert_eq!(now(), 100);
        after(50, move || unpark(me));
        assert!(!park_until("the event", now() + 100));
        assert_eq!(now(), 150);
    })
    .expect("the run ends");
}

#[test]
fn a_deadlock_ends_the_run_and_names_who_waits() {
    let failure = run(1, || {
        spawn(TaskSpec::new("the one that waits"), || park_for("godot"));
        park_for("the other");
    })
    .expect_err("nothing can happen");
    assert_eq!(failure.rule, "SIM-DEADLOCK");
    let text = failure.to_string();
    assert!(
        text.contains("the one that waits") && text.contains("godot") && text.contains("the other"),
        "{text}"
    );
}

#[test]
fn a_failure_leaves_foreign_frames_without_unwinding_them() {
    unsafe extern "win64" fn foreign(call: extern "win64" fn()) {
        call();
    }
    extern "win64" fn callback() {
        note("about to break a rule");
        fail("XYZ-01", "broken");
    }
    let failure = run(9, || {
        let task = spawn(TaskSpec::new("culprit"), || {
            // SAFETY: the function only calls back.
            unsafe { foreign(callback) }
        });
        join(task);
    })
    .expect_err("the rule was broken");
    assert_eq!(
        (failure.rule, failure.seed, failure.context.as_str()),
        ("XYZ-01", 9, "culprit")
    );
    assert!(
        failure
            .history
            .iter()
            .any(|line| line.contains("about to break a rule"))
    );
}

#[test]
fn a_panic_ends_the_run_as_a_failure() {
    fn callback() {
        panic!("oh {}", "no");
    }
    for _ in 0..3 {
        let failure = run(9, || join(spawn(TaskSpec::new("x"), callback))).expect_err("it panics");
        assert_eq!(failure.rule, "PANIC");
        assert!(failure.message.contains("oh no"), "{}", failure.message);
        let failure = run(9, || {
            after(5, || panic!("in an event"));
            sleep(10);
        });
        assert_eq!(failure.expect_err("it panics").context, "executor");
    }
    let outside = std::panic::catch_unwind(|| panic!("outside a run panics are as ever"));
    assert!(outside.is_err());
}

#[test]
fn polling_without_waiting_costs_time_so_that_events_come() {
    run(1, || {
        let done = Rc::new(Cell::new(false));
        let flag = Rc::clone(&done);
        after(100 * MICROSECOND, move || flag.set(true));
        while !done.get() {
            yield_now();
        }
        assert!(now() >= 100 * MICROSECOND && now() < 101 * MICROSECOND);
    })
    .expect("the run ends");
}

#[test]
fn a_context_at_dispatch_keeps_its_processor_and_only_a_higher_irql_gets_in() {
    for seed in 0..50 {
        run(seed, || {
            let host = add_processors(1);
            let log = Rc::new(RefCell::new(Vec::new()));
            let body = |name: &'static str, log: &Rc<RefCell<Vec<&'static str>>>| {
                let log = Rc::clone(log);
                move || {
                    for _ in 0..10 {
                        log.borrow_mut().push(name);
                        yield_now();
                    }
                }
            };
            let dpcs = [("dpc a", 2), ("dpc b", 2), ("isr", 8), ("thread", 0)]
                .map(|(name, irql)| spawn(TaskSpec::on(name, host, irql), body(name, &log)));
            dpcs.into_iter().for_each(join);
            let log = log.borrow();
            let runs: Vec<_> = log.iter().filter(|name| name.starts_with("dpc")).collect();
            let switches = runs.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert_eq!(switches, 1, "two DPCs of one processor never mix: {log:?}");
            let isr = log.iter().position(|name| *name == "isr").expect("it ran");
            assert!(log[isr..isr + 10].iter().all(|name| *name == "isr"));
        })
        .expect("the run ends");
    }
}

#[test]
fn the_fault_plan_counts_and_draws() {
    run(5, || {
        assert!(!faults::fire("pool"));
        faults::set(Some(
            Plan::new()
                .fail("pool", When::Nth(3))
                .fail("command", When::PerMillion(500_000)),
        ));
        let fired: Vec<_> = (0..5).map(|_| faults::fire("pool")).collect();
        assert_eq!(fired, [false, false, true, false, false]);
        let commands = (0..1000).filter(|_| faults::fire("command")).count() as u64;
        assert!((400..600).contains(&commands));
        assert_eq!(
            (
                faults::seen("pool"),
                faults::fired("pool"),
                faults::fired("command")
            ),
            (5, 1, commands)
        );
    })
    .expect("the run ends");
}

#[test]
fn a_run_that_does_not_end_is_a_verdict() {
    let failure = run(1, || {
        loop {
            sleep(3_600 * SECOND);
        }
    });
    let failure = failure.map(|(): ()| ()).expect_err("it has no end");
    assert_eq!(failure.rule, "SIM-ENDLESS");
}

#[test]
fn a_deadline_names_the_rule_and_what_is_open() {
    let failure = run(1, || {
        on_failure(|| vec!["a door".to_owned()]);
        let kept = Deadline::new("KEPT", SECOND, || "what ends in time".to_owned());
        sleep(SECOND / 2);
        drop(kept);
        let _missed = Deadline::new("MISSED", SECOND, || "what does not".to_owned());
        park();
    });
    let failure = failure.expect_err("nothing ends the wait");
    assert_eq!(
        (failure.rule, failure.message.as_str()),
        ("MISSED", "what does not has not ended after 1 s")
    );
    assert_eq!(failure.open, ["a door"]);
}
