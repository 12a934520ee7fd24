//! Opening and closing adapters: ADAPTER-04 ... ADAPTER-09, ADAPTER-26, LIFE-60 ... LIFE-65.

use std::cell::RefCell;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{NDIS_STATUS_ADAPTER_NOT_READY, NDIS_STATUS_BAD_VERSION};

use super::provider::{self, driver};
use super::{Adapter, Consumer, Wrong, close, dispatch, on_host, started};
use crate::ndis::{NdkAdapter, NdkEvent};
use crate::sim;

fn run(what: Option<Wrong>, scenario: fn(Adapter)) -> (String, &'static str) {
    let result = sim::run(4, move || {
        provider::state().wrong.set(what);
        scenario(started().1);
    });
    result.err().map_or_else(
        || ("none".to_owned(), "none"),
        |failure| {
            (
                failure.message.split(':').next().unwrap_or_default().to_owned(),
                failure.rule,
            )
        },
    )
}

fn open(adapter: Adapter) {
    drop(adapter.open_ndk(1, 2));
}

fn set_enabled(adapter: &Adapter, enabled: bool) {
    let handle = adapter.state.handle as usize;
    on_host(move || driver::set_enabled(handle as *mut _, enabled));
}

fn open_disabled(adapter: Adapter) {
    set_enabled(&adapter, false);
    assert_eq!(adapter.open_ndk(1, 2).err(), Some(NDIS_STATUS_ADAPTER_NOT_READY));
}

/// Proves the checks of ADAPTER-05, ADAPTER-07 and ADAPTER-09 (VRF-47 ... VRF-49).
#[test]
fn an_open_is_synchronous_keeps_the_version_and_fails_while_ndk_is_disabled() {
    assert_eq!(run(Some(Wrong::OpenPends), open), ("ADAPTER-09".into(), "VRF-47"));
    assert_eq!(
        run(Some(Wrong::OpenLowers), open),
        ("ADAPTER-05".into(), "VRF-48")
    );
    assert_eq!(
        run(Some(Wrong::OpensDisabled), open_disabled),
        ("ADAPTER-07".into(), "VRF-49")
    );
    assert_eq!(run(None, open_disabled).0, "none");
}

/// Proves the check of ADAPTER-45: only what exists can be missing.
#[test]
fn the_counters_that_are_missing_exist() {
    assert_eq!(run(Some(Wrong::OddCounters), drop).1, "ADAPTER-45");
}

/// Proves the checks of ADAPTER-01 and ADAPTER-40: what a provider says of itself, and the OIDs that it must have.
#[test]
fn a_provider_says_what_it_must() {
    assert_eq!(run(Some(Wrong::ProviderFlags), drop).1, "ADAPTER-01");
    assert_eq!(run(Some(Wrong::NoNdkOids), drop).1, "ADAPTER-40");
}

/// Proves ADAPTER-04: the version is negotiated.
#[test]
fn versions_are_negotiated() {
    let scenario = |adapter: Adapter| {
        assert_eq!(adapter.open_ndk(2, 0).err(), Some(NDIS_STATUS_BAD_VERSION));
        assert_eq!(adapter.open_ndk(1, 3).err(), Some(NDIS_STATUS_BAD_VERSION));
        adapter.open_ndk(1, 0).expect("a lower minor is fine").close();
    };
    assert_eq!(run(None, scenario).0, "none");
}

fn close_with_objects(adapter: Adapter) {
    let ndk = adapter.open_ndk(1, 2).expect("the adapter opens");
    on_host(move || {
        let consumer = Consumer { ndk };
        let cq = consumer.cq() as usize;
        sim::spawn(sim::TaskSpec::on("closer", sim::HostId(0), 0), move || {
            sim::sleep(sim::SECOND);
            close(cq as *mut cxndk::sys::ndkpi::NDK_CQ);
        });
        let began = sim::now();
        consumer.ndk.close();
        assert!(sim::now() - began >= sim::SECOND);
    });
}

/// Proves the checks of LIFE-60 and LIFE-61 (VRF-49): closing blocks until all descendants are closed.
#[test]
fn closing_an_adapter_waits_for_its_objects() {
    assert_eq!(
        run(Some(Wrong::AdapterCloseReturnsEarly), close_with_objects),
        ("LIFE-61".into(), "VRF-49")
    );
    assert_eq!(run(None, close_with_objects).0, "none");
}

fn close_with_mapping(adapter: Adapter) {
    let ndk = adapter.open_ndk(1, 2).expect("the adapter opens");
    on_host(move || {
        let (mut size, mut offset) = (0, 0);
        let none = ptr::null_mut();
        let completion = Some(super::on_request as unsafe extern "win64" fn(*mut std::ffi::c_void, i32));
        let status = dispatch!(
            ndk.as_ptr(),
            NdkBuildLAM,
            ptr::null_mut(),
            0,
            completion,
            none,
            ptr::null_mut(),
            &raw mut size,
            &raw mut offset
        );
        assert_eq!(status, 0);
        ndk.close();
    });
}

/// Proves the check of LIFE-64.
#[test]
fn an_adapter_is_closed_without_mappings() {
    assert_eq!(run(None, close_with_mapping), ("LIFE-64".into(), "VRF-49"));
}

/// Proves ADAPTER-26: disabling tells the consumers, and returns when they have closed.
#[test]
fn disabling_waits_until_every_consumer_has_closed() {
    let scenario = |adapter: Adapter| {
        let opens: Rc<RefCell<Vec<NdkAdapter>>> = Rc::default();
        opens
            .borrow_mut()
            .push(adapter.open_ndk(1, 2).expect("the first opens"));
        opens
            .borrow_mut()
            .push(adapter.open_ndk(1, 2).expect("and so does the second"));
        let held = Rc::clone(&opens);
        adapter.ndk_events(move |event| {
            if event == NdkEvent::Disabled {
                let opens = held.take();
                sim::spawn(sim::TaskSpec::new("consumer"), move || {
                    sim::sleep(sim::SECOND);
                    opens.into_iter().for_each(NdkAdapter::close);
                });
            }
        });
        set_enabled(&adapter, false);
        assert!(sim::now() >= sim::SECOND && provider::state().opens.get() == 0);
        assert!(!adapter.ndk_enabled());
        set_enabled(&adapter, true);
        adapter.open_ndk(1, 2).expect("it is enabled again").close();
    };
    assert_eq!(run(None, scenario).0, "none");
}
