//! One adapter under NDIS: requests, link, Network Direct on and off, removal, shutdown, a registry that anybody edited.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use cxndk::hw::layout::opcode::ACCESS_REG;
use cxndk::sys::ndis::{
    NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS, NDIS_STATISTICS_INFO, NDIS_STATUS_BUFFER_TOO_SHORT,
    NDIS_STATUS_INVALID_DATA, NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_INVALID_OID, NDIS_STATUS_LINK_STATE,
    NDIS_STATUS_MULTICAST_FULL, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_SUCCESS, NdisHaltDeviceStopped,
    NdisShutdownPowerOff, OID_802_3_MULTICAST_LIST, OID_GEN_CURRENT_LOOKAHEAD, OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_INTERRUPT_MODERATION, OID_GEN_STATISTICS, OID_GEN_VENDOR_DESCRIPTION, OID_GEN_VENDOR_ID,
    OID_GEN_XMIT_OK, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS, OID_NDK_SET_STATE, OID_NDK_STATISTICS,
    OID_PNP_SET_POWER,
};
use cxndk_testbed::connectx::{CommandFault, Matching};
use cxndk_testbed::ndis::registry::Value;
use cxndk_testbed::ndis::{NdkEvent, State};
use cxndk_testbed::sim::{self, SECOND, Stream};

use self::common::{Host, MAC};

/// Runs a scenario on a running adapter, stops it, and unloads the driver.
fn on_running_adapter(seed: u64, scenario: impl FnOnce(&Host) + Send) {
    sim::run(seed, || {
        let host = Host::new();
        host.adapter.start().expect("the adapter starts");
        scenario(&host);
        host.adapter.stop();
        host.unload();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves OID-05, OID-06, OID-07, OID-12, OID-13.
#[test]
fn requests_are_checked_before_they_are_obeyed() {
    on_running_adapter(1, |host| {
        let set = |oid, bytes: &[u8]| host.adapter.set(oid, bytes).map_err(|error| error.status);
        assert_eq!(set(OID_GEN_CURRENT_PACKET_FILTER, &0x2f_u32.to_ne_bytes()), Ok(4));
        assert_eq!(
            set(OID_GEN_CURRENT_PACKET_FILTER, &0x8000_u32.to_ne_bytes()),
            Err(NDIS_STATUS_NOT_SUPPORTED)
        );
        assert_eq!(
            set(OID_GEN_CURRENT_PACKET_FILTER, &[1, 0]),
            Err(NDIS_STATUS_INVALID_LENGTH)
        );
        assert_eq!(set(OID_802_3_MULTICAST_LIST, &[]), Ok(0));
        assert_eq!(set(OID_802_3_MULTICAST_LIST, &[1, 0, 0x5e, 0, 0, 1]), Ok(6));
        assert_eq!(
            set(OID_802_3_MULTICAST_LIST, &[1, 0, 0x5e, 0, 0]),
            Err(NDIS_STATUS_INVALID_LENGTH)
        );
        assert_eq!(
            set(OID_802_3_MULTICAST_LIST, &[0, 0, 0x5e, 0, 0, 1]),
            Err(NDIS_STATUS_INVALID_DATA)
        );
        assert_eq!(
            set(OID_GEN_INTERRUPT_MODERATION, &[0; 12]),
            Err(NDIS_STATUS_INVALID_DATA)
        );
        assert_eq!(set(0x0bad_0bad, &[0; 4]), Err(NDIS_STATUS_NOT_SUPPORTED));
        let short = host
            .adapter
            .query(OID_GEN_VENDOR_DESCRIPTION, &mut [0; 3])
            .unwrap_err();
        assert_eq!(short.status, NDIS_STATUS_BUFFER_TOO_SHORT);
        let mut description = vec![0; short.needed as usize];
        let length = host
            .adapter
            .query(OID_GEN_VENDOR_DESCRIPTION, &mut description)
            .expect("it fits");
        assert_eq!(length, description.len());
        assert_eq!(description.last(), Some(&0));
    });
}

/// Proves OID-12: what does not fit is refused whole, with the bytes that would.
#[test]
fn a_multicast_list_that_is_too_long_is_full() {
    on_running_adapter(1, |host| {
        let list = |count: u8| -> Vec<u8> { (0..count).flat_map(|n| [1, 0, 0x5e, 0, 0, n]).collect() };
        assert_eq!(host.adapter.set(OID_802_3_MULTICAST_LIST, &list(64)), Ok(64 * 6));
        let full = host.adapter.set(OID_802_3_MULTICAST_LIST, &list(65)).unwrap_err();
        assert_eq!((full.status, full.needed), (NDIS_STATUS_MULTICAST_FULL, 64 * 6));
    });
}

/// Proves OID-05, ATTR-03: the lookahead that the adapter says it has can be set, all of it and less, and is then what it says.
#[test]
fn the_lookahead_is_what_was_set_and_at_most_what_was_promised() {
    for seed in 0..6 {
        on_running_adapter(seed, |host| {
            let general = host.adapter.general().expect("general attributes");
            assert_eq!(general.lookahead, general.mtu, "the header does not count");
            for bytes in [256, general.lookahead] {
                let set = host.adapter.set(OID_GEN_CURRENT_LOOKAHEAD, &bytes.to_ne_bytes());
                assert_eq!(set, Ok(4));
                let mut now = [0; 4];
                assert_eq!(host.adapter.query(OID_GEN_CURRENT_LOOKAHEAD, &mut now), Ok(4));
                assert_eq!(u32::from_ne_bytes(now), bytes);
            }
            let beyond = general.lookahead + 1;
            let refused = host.adapter.set(OID_GEN_CURRENT_LOOKAHEAD, &beyond.to_ne_bytes());
            assert_eq!(
                refused.map_err(|error| error.status),
                Err(NDIS_STATUS_INVALID_DATA)
            );
        });
    }
}

/// Proves OID-07: an OID is known in one direction and not in the other, and one that is not in the list in neither.
#[test]
fn what_can_only_be_set_is_no_query_and_the_other_way_round() {
    on_running_adapter(1, |host| {
        let query = |oid| {
            host.adapter
                .query(oid, &mut [0; 64])
                .map_err(|error| error.status)
        };
        let set = |oid| host.adapter.set(oid, &[0; 64]).map_err(|error| error.status);
        for oid in [OID_NDK_SET_STATE, OID_PNP_SET_POWER, OID_802_3_MULTICAST_LIST] {
            assert_eq!(query(oid), Err(NDIS_STATUS_INVALID_OID), "query of {oid:#x}");
        }
        for oid in [OID_GEN_STATISTICS, OID_GEN_VENDOR_ID, OID_NDK_CONNECTIONS] {
            assert_eq!(set(oid), Err(NDIS_STATUS_INVALID_OID), "set of {oid:#x}");
        }
        assert_eq!(query(0x0bad_0bad), Err(NDIS_STATUS_NOT_SUPPORTED));
    });
}

/// `OID_GEN_STATISTICS` of the adapter.
fn statistics_of(host: &Host) -> NDIS_STATISTICS_INFO {
    let mut bytes = [0; size_of::<NDIS_STATISTICS_INFO>()];
    assert_eq!(
        host.adapter.query(OID_GEN_STATISTICS, &mut bytes),
        Ok(bytes.len())
    );
    // SAFETY: numbers only.
    unsafe { bytes.as_ptr().cast::<NDIS_STATISTICS_INFO>().read_unaligned() }
}

/// Proves STAT-01: packets are counted, not lists of them, and what the port dropped too.
#[test]
fn discards_are_packets_and_counted_where_they_are_said_to_be() {
    sim::run(1, || {
        let host = Host::new();
        // The port drops what comes before anybody wants it.
        (0..3).for_each(|_| host.slot.device.deliver_frame(&[0; 60]));
        host.adapter.start().expect("the adapter starts");
        // None has an Ethernet header.
        let (one, two) = (vec![&[0_u8; 9][..]], vec![&[0_u8; 13][..], &[1; 1]]);
        host.adapter.send_lists(&[two, one]);
        assert_eq!(host.adapter.sent(), [NDIS_STATUS_INVALID_LENGTH; 2]);
        let statistics = statistics_of(&host);
        assert_eq!((statistics.ifOutDiscards, statistics.ifInDiscards), (3, 3));
        let valid = NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS;
        assert_eq!(statistics.SupportedStatistics & valid, valid);
        // A device that does not show its port's counters: then nothing is counted, and none said to be.
        {
            let mut plan = host.slot.device.faults.borrow_mut();
            plan.add(Matching::opcode(ACCESS_REG), CommandFault::Status(0x3, 0));
        }
        let statistics = statistics_of(&host);
        assert_eq!(statistics.SupportedStatistics & valid, 0);
        assert_eq!(statistics.ifInDiscards, 0);
        host.adapter.stop();
        host.unload();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves ATTR-03: what the port can do does not depend on whether a cable is in it.
#[test]
fn the_fastest_speed_is_known_without_a_link() {
    sim::run(1, || {
        let host = Host::new();
        host.slot.device.set_carrier(false);
        host.adapter.start().expect("the adapter starts");
        let general = host.adapter.general().expect("general attributes");
        assert_eq!((general.connected, general.max_speed), (false, 100_000_000_000));
        assert_eq!(general.speed, u64::MAX, "NDIS_LINK_SPEED_UNKNOWN");
        host.adapter.stop();
        host.unload();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves STAT-01, STAT-02, OID-03, OID-04, OID-09, ADAPTER-41, ADAPTER-42, ADAPTER-46.
#[test]
fn statistics_and_lists_come_from_device_and_provider() {
    on_running_adapter(2, |host| {
        let mut statistics = [0; 152];
        assert_eq!(host.adapter.query(OID_GEN_STATISTICS, &mut statistics), Ok(152));
        let mut sent = [0; 8];
        assert_eq!(host.adapter.query(OID_GEN_XMIT_OK, &mut sent), Ok(8));
        assert_eq!(host.adapter.query(OID_GEN_XMIT_OK, &mut sent[..4]), Ok(4));
        let mut direct = [0; 248];
        assert_eq!(
            host.adapter.direct_query(OID_NDK_STATISTICS, &mut direct),
            Ok(248)
        );
        let unknown = host
            .adapter
            .direct_query(OID_GEN_STATISTICS, &mut statistics)
            .unwrap_err();
        assert_eq!(unknown.status, NDIS_STATUS_NOT_SUPPORTED);
        let mut list = [0xff; 16];
        assert_eq!(host.adapter.query(OID_NDK_CONNECTIONS, &mut list), Ok(16));
        assert_eq!(list[8..12], [0; 4], "no connection");
        assert_eq!(host.adapter.query(OID_NDK_LOCAL_ENDPOINTS, &mut list), Ok(16));
        let short = host
            .adapter
            .query(OID_NDK_CONNECTIONS, &mut list[..15])
            .unwrap_err();
        assert_eq!((short.status, short.needed), (NDIS_STATUS_BUFFER_TOO_SHORT, 16));
    });
}

/// Proves SEND-01, SEND-03: also to where nobody listens.
#[test]
fn sends_are_completed() {
    on_running_adapter(3, |host| {
        host.adapter.send(&[&[0; 60], &[1; 1514]]);
        assert_eq!(host.adapter.sent(), [NDIS_STATUS_SUCCESS; 2]);
    });
}

/// Proves LINK-01, LINK-02, ATTR-03.
#[test]
fn the_link_is_reported_as_it_is() {
    on_running_adapter(4, |host| {
        let general = host.adapter.general().expect("general attributes");
        assert_eq!((general.permanent_mac, general.current_mac), (MAC, MAC));
        assert_eq!((general.connected, general.speed), (true, 100_000_000_000));
        let reports = || -> Vec<_> {
            let indications = host.adapter.indications().into_iter();
            indications
                .filter(|i| i.code == NDIS_STATUS_LINK_STATE)
                .map(|i| i.buffer)
                .collect()
        };
        assert_eq!(reports().len(), 0, "nothing has changed");
        for (carrier, connect_state) in [(false, 2_u32), (true, 1)] {
            host.slot.device.set_carrier(carrier);
            sim::sleep(SECOND);
            let report = reports().pop().expect("a report");
            assert_eq!(report[4..8], connect_state.to_ne_bytes());
        }
        assert_eq!(reports().len(), 2);
    });
}

/// Proves ADAPTER-02, ADAPTER-03, ADAPTER-07, ADAPTER-20, ADAPTER-21, ADAPTER-24, ADAPTER-25, ADAPTER-26, ADAPTER-27,
/// OID-10, VRF-26.
#[test]
fn network_direct_goes_off_when_its_consumers_have_closed_and_on_again() {
    for seed in 0..8 {
        on_running_adapter(seed, |host| {
            assert!(host.adapter.ndk_enabled());
            let events = Rc::new(RefCell::new(Vec::new()));
            let seen = Rc::clone(&events);
            host.adapter
                .ndk_events(move |event| seen.borrow_mut().push(event));
            let open = host.adapter.open_ndk(2, 0).expect("it opens");
            host.adapter.set(OID_NDK_SET_STATE, &[0]).expect("off");
            sim::sleep(SECOND);
            assert!(host.adapter.open_ndk(2, 0).is_err(), "no new opens");
            assert_eq!(*events.borrow(), [NdkEvent::Disabled]);
            open.close();
            sim::sleep(SECOND);
            host.adapter.set(OID_NDK_SET_STATE, &[1]).expect("on");
            sim::sleep(SECOND);
            assert_eq!(*events.borrow(), [NdkEvent::Disabled, NdkEvent::Enabled]);
            host.adapter.open_ndk(1, 2).expect("it opens").close();
        });
    }
}

/// Proves ADAPTER-22, ADAPTER-23, ATTR-07.
#[test]
fn network_direct_stays_off_when_the_registry_says_so() {
    let off = || Value::Text("0".to_owned());
    sim::run(5, || {
        let host = Host::with_registry(|registry, _| registry.set("*NetworkDirect", off()));
        host.adapter.start().expect("the adapter starts");
        assert!(!host.adapter.ndk_enabled());
        host.adapter.set(OID_NDK_SET_STATE, &[1]).expect("accepted");
        sim::sleep(SECOND);
        assert!(!host.adapter.ndk_enabled());
        assert!(host.adapter.open_ndk(2, 0).is_err());
        host.adapter
            .change_registry(|registry| registry.set("*NetworkDirect", Value::Text("1".to_owned())));
        host.adapter.set(OID_NDK_SET_STATE, &[1]).expect("accepted");
        sim::sleep(SECOND);
        assert!(host.adapter.ndk_enabled());
        host.adapter.stop();
        host.unload();
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves INIT-06, HLK-11.
#[test]
fn the_registry_may_give_the_adapter_another_address() {
    let other = [0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee];
    for (text, expected) in [
        ("02AABBCCDDEE", other),
        ("01AABBCCDDEE", MAC),
        ("000000000000", MAC),
        ("02AA", MAC),
    ] {
        sim::run(7, move || {
            let host = Host::with_registry(|registry, _| {
                registry.set("NetworkAddress", Value::Text(text.to_owned()));
            });
            host.adapter.start().expect("the adapter starts");
            let general = host.adapter.general().expect("general attributes");
            assert_eq!(
                (general.permanent_mac, general.current_mac),
                (MAC, expected),
                "{text}"
            );
            host.adapter.stop();
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("{text}: {failure}"));
    }
}

/// Proves INF-08, VRF-46, ADAPTER-64.
#[test]
fn no_registry_value_keeps_the_adapter_from_coming_up() {
    for seed in 0..60 {
        sim::run(seed, || {
            let host = Host::with_registry(|registry, install| {
                registry.fuzz(install, |bound| sim::choose(Stream::World, bound));
            });
            host.adapter.start().expect("the adapter starts");
            let mtu = host.adapter.general().expect("general attributes").mtu;
            assert!([1500, 4074, 9000].contains(&mtu), "{mtu}");
            host.adapter.stop();
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

/// Proves PNP-01, HALT-05, ADAPTER-28.
#[test]
fn a_device_that_is_pulled_out_takes_nothing_with_it() {
    for seed in 0..8 {
        sim::run(seed, || {
            let host = Host::new();
            host.adapter.start().expect("the adapter starts");
            let events = Rc::new(RefCell::new(Vec::new()));
            let seen = Rc::clone(&events);
            host.adapter
                .ndk_events(move |event| seen.borrow_mut().push(event));
            host.slot.function.remove();
            host.adapter.surprise_remove();
            assert_eq!(*events.borrow(), [NdkEvent::Disabled]);
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

/// Proves SHUT-01, STATE-05, VRF-22.
#[test]
fn shutdown_stops_the_device_and_frees_nothing() {
    sim::run(6, || {
        let host = Host::new();
        host.adapter.start().expect("the adapter starts");
        host.adapter.shutdown(NdisShutdownPowerOff);
        assert_eq!(host.adapter.state(), State::Shutdown);
        sim::sleep(10 * SECOND);
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves VRF-17, VRF-42. Initialized and halted at once, before anything was done with it.
#[test]
fn an_adapter_may_be_halted_without_having_run() {
    for seed in 0..8 {
        sim::run(seed, || {
            let host = Host::new();
            host.adapter.initialize().expect("the adapter initializes");
            host.adapter.halt(NdisHaltDeviceStopped);
            host.unload();
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}
