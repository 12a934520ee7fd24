//! Messages: VRF-16, INT-01, INT-02, INT-03, INT-09, RECV-08, VRF-30.

use super::{Wrong, assert_caught, caught, life};
use crate::ndis::Adapter;
use crate::{pci, sim};

fn interrupted(function: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    for message in 0..8 {
        function.raise(message % 4);
        sim::sleep(sim::MILLISECOND);
    }
    adapter.stop();
}

/// Proves VRF-16.
#[test]
fn nothing_synchronizes_with_an_interrupt_that_is_deregistered() {
    assert_eq!(caught(Wrong::SynchronizeLate, life), "VRF-16");
}

/// Proves the checks of INT-01, INT-02, INT-03, INT-09, RECV-08 and VRF-30.
#[test]
fn service_routines_and_dpcs_keep_their_rules() {
    let cases = [
        (Wrong::NoLineHandlers, "INT-01"),
        (Wrong::IsrSaysNo, "INT-02"),
        (Wrong::DpcTooLong, "INT-09"),
        (Wrong::DpcNowhere, "INT-03"),
        (Wrong::DpcInNoGroup, "INT-03"),
        (Wrong::DpcHoldsLock, "VRF-30"),
        (Wrong::DpcPretendsMore, "RECV-08"),
    ];
    assert_caught(&cases, interrupted);
}

/// Proves INT-03 and INT-05: interrupts from the registration on, DPCs where they are wanted, all done at deregistration.
#[test]
fn interrupts_at_any_time_are_served_until_the_interrupt_is_deregistered() {
    for seed in 0..30 {
        sim::run(seed, || {
            let (function, _, adapter) = super::halted();
            let device = function;
            sim::spawn(sim::TaskSpec::new("device"), move || {
                for n in 0..2000_u64 {
                    device.raise((n % 4) as usize);
                    sim::sleep(1 + sim::choose(sim::Stream::Device, 3000));
                }
            });
            for _ in 0..3 {
                adapter.start().expect("the adapter starts");
                sim::sleep(100 * sim::MICROSECOND);
                adapter.stop();
                sim::sleep(100 * sim::MICROSECOND);
            }
            assert!(super::tiny().dpcs.get() > 0);
            assert_eq!(
                crate::ndis::interrupts_served(),
                u64::from(super::tiny().isrs.get())
            );
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}
