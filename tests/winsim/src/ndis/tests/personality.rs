//! What NDIS does in one way or another, and drivers that count on one of them.

use super::{Wrong, ended_by, halted, life, tiny};
use crate::ndis::{
    Adapter, DpcObjects, FailedStart, InterruptAnswer, LastProtocol, Personality, PowerEvent, ResourceList,
    SendsAtPause, State,
};
use crate::{pci, sim};

/// What most tests of old took for granted.
const PLAIN: Personality = Personality {
    interrupts: InterruptAnswer::First,
    dpcs: DpcObjects::PerProcessor,
    power: PowerEvent::BeforeRestart,
    resources: ResourceList::Translated,
    sends: SendsAtPause::UnderWay,
    last_protocol: LastProtocol::LeavesFilter,
    failed_start: FailedStart::StaysPaused,
};

/// Runs `scenario` under an NDIS of this kind; the rule that ends it, or "none".
fn under(
    personality: Personality,
    seed: u64,
    what: Option<Wrong>,
    scenario: fn(&pci::Function, &Adapter),
) -> &'static str {
    ended_by(seed, what, move |function, adapter| {
        adapter.set_personality(personality);
        scenario(function, adapter);
        assert_eq!(adapter.state(), State::Halted);
    })
}

/// Proves INT-05: a message is served before the registration returns, when there is neither handle nor table; a DPC that counts on the
/// handle is caught.
#[test]
fn messages_come_before_the_driver_knows_its_registration() {
    let last = Personality {
        interrupts: InterruptAnswer::Last,
        ..PLAIN
    };
    let served = |_: &pci::Function, adapter: &Adapter| {
        life(&adapter.state.function, adapter);
        assert!(tiny().dpcs.get() <= 1);
    };
    let caught = |personality, what| {
        let rules = (0..8).map(|seed| under(personality, seed, what, served));
        rules.filter(|rule| *rule != "none").collect::<Vec<_>>()
    };
    assert_eq!(caught(last, None), [""; 0]);
    assert_eq!(caught(PLAIN, Some(Wrong::DpcKnowsHandle)), [""; 0]);
    let rules = caught(last, Some(Wrong::DpcKnowsHandle));
    assert!(
        !rules.is_empty() && rules.iter().all(|rule| *rule == "NDIS-HANDLE"),
        "{rules:?}"
    );
}

/// How often the DPC of a message runs that comes twice, and whose service routine asks for the default DPC, then for those of both
/// processors, while none can run.
fn runs_of_two_messages(dpcs: DpcObjects) -> u32 {
    let personality = Personality { dpcs, ..PLAIN };
    let mut runs = 0;
    sim::run(3, || {
        let (function, _, adapter) = halted();
        adapter.set_personality(personality);
        adapter.start().expect("the adapter starts");
        let busy = [0, 1].map(|processor| {
            let spec = sim::TaskSpec::on("busy", adapter.state.host, 2).bound_to(processor);
            sim::spawn(spec, || {
                let end = sim::now() + sim::MILLISECOND;
                while sim::now() < end {
                    sim::sleep(10 * sim::MICROSECOND);
                }
            })
        });
        sim::sleep(100 * sim::MICROSECOND);
        function.raise(0);
        sim::sleep(100 * sim::MICROSECOND);
        function.raise(0);
        busy.into_iter().for_each(sim::join);
        sim::sleep(sim::MILLISECOND);
        assert_eq!(tiny().isrs.get(), 2);
        runs = tiny().dpcs.get();
        adapter.stop();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
    runs
}

/// Proves INT-03: the default DPC is one for the message, or that of the processor.
#[test]
fn the_default_dpc_is_one_of_its_own_or_that_of_its_processor() {
    // Every third run asks for another.
    assert_eq!(runs_of_two_messages(DpcObjects::PerProcessor), 2);
    assert_eq!(runs_of_two_messages(DpcObjects::DefaultApart), 4);
}

/// Proves PNP-02: the power profile is told before the adapter runs, when it runs, or not at all.
#[test]
fn the_power_profile_is_told_early_late_or_never() {
    type Scenario = fn(&pci::Function, &Adapter);
    let told: [(PowerEvent, Scenario); 3] = [
        (PowerEvent::BeforeRestart, |_, adapter| told_in(adapter, &[true])),
        (PowerEvent::AfterRestart, |_, adapter| told_in(adapter, &[false])),
        (PowerEvent::Never, |_, adapter| told_in(adapter, &[])),
    ];
    for (power, scenario) in told {
        let personality = Personality { power, ..PLAIN };
        assert_eq!(under(personality, 1, None, scenario), "none", "{power:?}");
    }
}

fn told_in(adapter: &Adapter, paused: &[bool]) {
    adapter.start().expect("the adapter starts");
    assert_eq!(*tiny().paused_at_events.borrow(), paused);
    adapter.stop();
}

/// Proves the checks of VRF-08 and VRF-37: sends at a pause are waited for, or are under way.
#[test]
fn sends_at_a_pause_are_drained_or_under_way() {
    let send_and_pause: fn(&pci::Function, &Adapter) = |_, adapter| {
        adapter.start().expect("the adapter starts");
        adapter.send(&[&[0; 60]]);
        adapter.stop();
    };
    for (sends, rule) in [
        (SendsAtPause::Drained, "VRF-09"),
        (SendsAtPause::UnderWay, "VRF-37"),
    ] {
        let personality = Personality { sends, ..PLAIN };
        assert_eq!(under(personality, 1, None, send_and_pause), "none");
        let caught = under(personality, 1, Some(Wrong::PauseWithSends), send_and_pause);
        assert_eq!(caught, rule, "{sends:?}");
    }
}

/// Proves the check of OID-02: nobody wants frames when the last protocol has left.
#[test]
fn the_filter_is_cleared_when_the_last_protocol_leaves() {
    for (last_protocol, rule) in [
        (LastProtocol::LeavesFilter, "none"),
        (LastProtocol::ClearsFilter, "OID-02"),
    ] {
        let personality = Personality {
            last_protocol,
            ..PLAIN
        };
        assert_eq!(under(personality, 1, None, life), "none");
        assert_eq!(under(personality, 1, Some(Wrong::RefusesNoFilter), life), rule);
    }
}

/// Proves HALT-01, STATE-01: an adapter whose first restart fails is halted, or waits for better times.
#[test]
fn a_failed_first_restart_is_followed_by_a_halt_or_not() {
    let halts: fn(&pci::Function, &Adapter) = |_, adapter| {
        adapter.start().expect_err("its restart fails");
        assert_eq!(adapter.state(), State::Halted);
        tiny().wrong.set(None);
        life(&adapter.state.function, adapter);
    };
    let stays: fn(&pci::Function, &Adapter) = |_, adapter| {
        adapter.start().expect_err("its restart fails");
        assert_eq!(adapter.state(), State::Paused);
        tiny().wrong.set(None);
        adapter.restart().expect("it restarts");
        adapter.stop();
    };
    for (failed_start, scenario) in [(FailedStart::Halts, halts), (FailedStart::StaysPaused, stays)] {
        let personality = Personality {
            failed_start,
            ..PLAIN
        };
        assert_eq!(under(personality, 1, Some(Wrong::RestartFails), scenario), "none");
    }
}

/// All kinds of NDIS occur among a few seeds, and the same seed has the same.
#[test]
fn the_seed_chooses_the_personality() {
    let of = |seed| {
        let mut seen = None;
        sim::run(seed, || seen = Some(halted().2.personality()))
            .unwrap_or_else(|failure| panic!("{failure}"));
        seen.expect("an adapter")
    };
    let all: Vec<Personality> = (0..24).map(of).collect();
    assert_eq!(of(5), all[5]);
    let some = |test: fn(&Personality) -> bool| {
        let count = all.iter().filter(|personality| test(personality)).count();
        assert!((1..24).contains(&count), "{count} of 24");
    };
    some(|p| p.interrupts == InterruptAnswer::Last);
    some(|p| p.dpcs == DpcObjects::DefaultApart);
    some(|p| p.power == PowerEvent::Never);
    some(|p| p.power == PowerEvent::AfterRestart);
    some(|p| p.resources == ResourceList::Raw);
    some(|p| p.sends == SendsAtPause::Drained);
    some(|p| p.last_protocol == LastProtocol::ClearsFilter);
    some(|p| p.failed_start == FailedStart::Halts);
}
