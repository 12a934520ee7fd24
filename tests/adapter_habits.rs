//! What an adapter does at the edges of its life, and what it says that it can.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_REQUEST_ABORTED, NdisHaltDeviceDisabled, NdisHaltDeviceStopped,
    NdisShutdownBugCheck, OID_802_3_MULTICAST_LIST, OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_MAXIMUM_FRAME_SIZE, OID_GEN_RCV_OK, OID_GEN_STATISTICS, OID_GEN_XMIT_OK,
};
use cxndk_testbed::connectx::Health;
use cxndk_testbed::ndis::{State, interrupts_served};
use cxndk_testbed::nt;
use cxndk_testbed::sim::{self, MICROSECOND, SECOND};

use self::common::Host;

/// Longest that a halt may take, in virtual nanoseconds.
const HALT_BOUND: u64 = 120 * SECOND;

fn in_sim(seed: u64, scenario: impl FnOnce(Host) + Send) {
    sim::run(seed, || scenario(Host::new())).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
}

/// Proves HALT-06: whatever the link does, nothing is indicated after the halt, nor on the way into it.
#[test]
fn a_halted_adapter_is_silent() {
    for seed in 0..10 {
        in_sim(seed, |host| {
            host.adapter.start().expect("the adapter starts");
            host.slot.device.set_carrier(false);
            sim::sleep(seed * 20 * MICROSECOND);
            host.adapter.stop();
            let indications = host.adapter.indications().len();
            for up in [true, false, true] {
                host.slot.device.set_carrier(up);
                sim::sleep(SECOND);
            }
            assert_eq!(host.adapter.indications().len(), indications);
            host.unload();
        });
    }
}

/// Proves STATE-04: an adapter that was just initialized receives nothing: no filter; so does one that was
/// halted in between.
#[test]
fn an_adapter_begins_with_empty_filters() {
    in_sim(1, |host| {
        for _ in 0..2 {
            host.adapter.initialize().expect("the adapter initializes");
            let mut filter = [0xff; 4];
            let query = host.adapter.query(OID_GEN_CURRENT_PACKET_FILTER, &mut filter);
            assert_eq!((query, filter), (Ok(4), [0; 4]));
            host.adapter.restart().expect("it runs");
            host.adapter
                .set(OID_802_3_MULTICAST_LIST, &[1, 0, 0x5e, 0, 0, 1])
                .expect("a list of one");
            host.adapter.pause();
            host.adapter.halt(NdisHaltDeviceStopped);
        }
        host.unload();
    });
}

/// Proves ATTR-08: an OID is answered if and only if it is in the list that the adapter gave; nothing that is not there is.
#[test]
fn the_list_of_requests_is_what_is_answered() {
    in_sim(2, |host| {
        host.adapter.start().expect("the adapter starts");
        let listed = host.adapter.general().expect("general attributes").oids;
        let unknown = |oid: u32| {
            let not_supported = |result: Result<usize, cxndk_testbed::ndis::OidError>| {
                result.is_err_and(|error| error.status == NDIS_STATUS_NOT_SUPPORTED)
            };
            not_supported(host.adapter.query(oid, &mut [0; 512]))
                && not_supported(host.adapter.set(oid, &[]))
                && not_supported(host.adapter.direct_query(oid, &mut [0; 512]))
        };
        // Those of power must not fail, whatever is asked of them.
        for oid in listed.iter().filter(|oid| **oid >> 16 != 0xfd01) {
            assert!(!unknown(*oid), "{oid:#x} is listed");
        }
        let general = (0x0001_0101..0x0001_0140).chain(0x0002_0101..0x0002_0220);
        let ethernet = (0x0101_0101..0x0101_0110).chain(0x0102_0101..0x0102_0110);
        for oid in general.chain(ethernet).chain(0xfc04_0200..0xfc04_0210) {
            // NDIS answers some itself; those it does not pass on.
            if !listed.contains(&oid) {
                assert!(unknown(oid), "{oid:#x} is not listed");
            }
        }
        host.adapter.stop();
        host.unload();
    });
}

/// Proves STAT-03: on a link of a gigabit or more counters have 64 bits.
#[test]
fn counters_have_64_bits() {
    in_sim(3, |host| {
        host.adapter.start().expect("the adapter starts");
        for oid in [OID_GEN_XMIT_OK, OID_GEN_RCV_OK] {
            assert_eq!(host.adapter.query(oid, &mut [0; 8]), Ok(8), "{oid:#x}");
        }
        host.adapter.stop();
        host.unload();
    });
}

/// Proves SHUT-02: a shutdown in the midst of a bug check, above all levels at which locks may be taken.
#[test]
fn a_bug_check_shuts_the_adapter_down() {
    for seed in 0..10 {
        in_sim(seed, |host| {
            host.adapter.start().expect("the adapter starts");
            sim::sleep(seed * 30 * MICROSECOND);
            host.adapter.shutdown(NdisShutdownBugCheck);
            assert_eq!(host.adapter.state(), State::Shutdown);
            sim::sleep(SECOND);
        });
    }
}

/// Proves OID-08: a request is cancelled at any moment: it is answered once, as if nothing were or as aborted; to cancel when there is
/// none does nothing.
#[test]
fn a_request_is_cancelled_at_any_moment() {
    for seed in 0..40 {
        in_sim(seed, |host| {
            host.adapter.start().expect("the adapter starts");
            assert!(!host.adapter.cancel_oids(), "there is none");
            let adapter = host.adapter.clone();
            let id = adapter.interface().expect("an interface").host;
            let asking = nt::thread(id, "ask", move || {
                for _ in 0..5 {
                    let mut statistics = [0; 152];
                    match adapter.query(OID_GEN_STATISTICS, &mut statistics) {
                        Ok(length) => assert_eq!(length, 152),
                        Err(error) => assert_eq!(error.status, NDIS_STATUS_REQUEST_ABORTED),
                    }
                }
            });
            for _ in 0..10 {
                sim::sleep(seed * 500);
                host.adapter.cancel_oids();
            }
            sim::join(asking);
            host.adapter.stop();
            host.unload();
        });
    }
}

/// Proves OID-08: NULL is the id of requests that nobody cancels; who cancels by it aborts none of them.
#[test]
fn a_request_without_an_id_is_never_aborted() {
    for seed in 0..20 {
        in_sim(seed, |host| {
            host.adapter.start().expect("the adapter starts");
            let adapter = host.adapter.clone();
            let id = adapter.interface().expect("an interface").host;
            let asking = nt::thread(id, "ask", move || {
                for _ in 0..5 {
                    let statistics = adapter.query_without_id(OID_GEN_STATISTICS, 152);
                    assert_eq!(statistics.map(|bytes| bytes.len()), Ok(152));
                }
            });
            for _ in 0..10 {
                sim::sleep(seed * 500);
                host.adapter.cancel_no_oid();
            }
            sim::join(asking);
            host.adapter.stop();
            host.unload();
        });
    }
}

/// Proves PNP-02, RESTART-03: news of the machine's power come at any time, and restarts with attributes to change or none, and change
/// nothing.
#[test]
fn power_news_and_restarts_change_nothing() {
    for seed in 0..10 {
        in_sim(seed, |host| {
            host.adapter.initialize().expect("the adapter initializes");
            let general = format!("{:?}", host.adapter.general());
            for _ in 0..6 {
                host.adapter.power_profile_changed();
                host.adapter.restart().expect("it runs");
                host.adapter.power_profile_changed();
                assert_eq!(host.adapter.state(), State::Running);
                let mut size = [0; 4];
                assert_eq!(host.adapter.query(OID_GEN_MAXIMUM_FRAME_SIZE, &mut size), Ok(4));
                assert_eq!(u32::from_le_bytes(size), 1500);
                host.adapter.pause();
            }
            assert_eq!(format!("{:?}", host.adapter.general()), general);
            host.adapter.halt(NdisHaltDeviceStopped);
            host.unload();
        });
    }
}

/// Proves INIT-05: messages come from the moment on that NDIS connects them, at any step of Initialize, and until the end of Halt.
#[test]
fn messages_come_at_any_moment_of_an_adapters_life() {
    for seed in 0..20 {
        in_sim(seed, |host| {
            let function = host.slot.function.clone();
            let over = Rc::new(Cell::new(false));
            let ended = Rc::clone(&over);
            let noise = sim::spawn(sim::TaskSpec::new("noise"), move || {
                for message in (0..16).cycle() {
                    if ended.get() {
                        return;
                    }
                    function.raise(message);
                    sim::sleep(1 + sim::choose(sim::Stream::Device, 20 * MICROSECOND));
                }
            });
            for _ in 0..3 {
                host.adapter.start().expect("the adapter starts");
                host.adapter.stop();
            }
            over.set(true);
            sim::join(noise);
            assert!(interrupts_served() > 100, "{} messages", interrupts_served());
            host.unload();
        });
    }
}

/// Proves DMA-01, DMA-11: whatever ends an adapter, its registration for DMA goes with it, after all that used it.
#[test]
fn an_adapter_that_ends_gives_its_registration_for_dma_back() {
    let ends: [fn(&Host); 3] = [
        |host| host.adapter.stop(),
        |host| host.adapter.surprise_remove(),
        |host| {
            host.slot.device.die(Health::Internal);
            host.adapter.stop();
        },
    ];
    for (seed, end) in (0..6).flat_map(|seed| ends.iter().map(move |end| (seed, end))) {
        in_sim(seed, |host| {
            host.adapter.start().expect("the adapter starts");
            let id = host.adapter.interface().expect("an interface").host;
            assert_ne!(nt::dma_outstanding(id).0, 0, "it has a DMA adapter");
            end(&host);
            assert_eq!(nt::dma_outstanding(id), (0, 0));
            host.unload();
        });
    }
}

/// Proves HALT-01: an adapter that netio does not know, whose `NetLuid` is 0, is halted as any other; so are two of them.
#[test]
fn an_adapter_without_a_number_is_halted() {
    in_sim(4, |host| {
        for action in NdisHaltDeviceDisabled..=NdisHaltDeviceStopped {
            host.adapter.set_interface(None);
            host.adapter.start().expect("the adapter starts");
            host.adapter.pause();
            let begun = sim::now();
            let end = sim::after(HALT_BOUND, || sim::fail("HALT-01", "the adapter is not halted"));
            host.adapter.halt(action);
            sim::cancel(end);
            assert!(sim::now() - begun < HALT_BOUND);
        }
        host.unload();
    });
}
