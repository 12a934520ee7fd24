//! Clients that are wrong about their binding.

use std::collections::BTreeSet;

use super::super::{Wrong, act, adapter, client, log, pair, run, unload, until};
use crate::ndis::tests::halted_with;
use crate::sim;

/// The rule that ends the run, in which binds are completed later or at once.
fn assert_caught(what: Wrong, later: bool, scenario: fn()) {
    let seed = 20 + u64::from(later);
    let rule = run(seed, Some(what), true, scenario)
        .err()
        .map_or("none", |failure| failure.rule);
    assert_eq!(rule, "PROTO-BIND", "{what:?}");
}

/// Proves PROTO-BIND: a status that does not fit what was opened, completions of nothing, opens and closes at the wrong time.
#[test]
fn wrong_bindings_are_caught() {
    for what in [
        Wrong::BindsWithoutOpening,
        Wrong::OpensWithoutParameters,
        Wrong::OpensWithoutHeader,
        Wrong::NeverBinds,
        Wrong::OpensTwice,
        Wrong::BindsAndCompletes,
        Wrong::FailsToBindOpen,
        Wrong::UnbindFails,
        Wrong::UnbindsWithoutClosing,
        Wrong::ClosesAdapterTwice,
    ] {
        assert_caught(what, false, || {});
    }
    for what in [Wrong::CompletesBindPending, Wrong::CompletesBindTwice] {
        assert_caught(what, true, || {});
    }
    assert_caught(Wrong::EventFails, false, || adapter().pause());
    assert_caught(Wrong::StuckInEvent, false, || {
        sim::spawn(sim::TaskSpec::new("pause"), || adapter().pause());
        act(client::close_family);
        until("family closed");
        act(client::deregister);
    });
    assert_caught(Wrong::OpensOutside, false, || {
        act(|| client::open_adapter(client::binding()));
    });
    assert_caught(Wrong::UsesClosedBinding, false, || {
        act(client::close_family);
        until("family closed");
        act(|| {
            client::close_adapter();
            client::ask(false);
        });
    });
}

/// An adapter of another name, or of other media than it has, is not opened, and so not bound.
#[test]
fn adapters_that_are_not_there_are_not_opened() {
    for what in [Wrong::OpensByOtherName, Wrong::OpensOtherMedium] {
        let done = sim::run(1, move || {
            pair().wrong.set(Some(what));
            pair().on.set(true);
            let (driver, adapter) = halted_with();
            adapter.start().expect("the adapter starts");
            act(client::register);
            act(client::deregister);
            assert!(log().is_empty(), "nothing is opened");
            adapter.stop();
            unload(driver, adapter);
        });
        done.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Proves PROTO-BIND: a family that is opened before the adapter is; the seed decides whether there is such a moment.
#[test]
fn a_binding_that_is_used_too_early_is_caught() {
    let rules = (0..20).map(|seed| {
        run(seed, Some(Wrong::OpensFamilyEarly), true, || {})
            .err()
            .map(|failure| failure.rule)
    });
    let rules: BTreeSet<_> = rules.collect();
    assert!(rules.contains(&None) && rules.contains(&Some("PROTO-BIND")));
}
