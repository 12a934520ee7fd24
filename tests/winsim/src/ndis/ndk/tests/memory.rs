//! Memory that a consumer lends: MR-76 ... MR-79, LEDGER-01 ... LEDGER-03; and mappings that are released at once (LIFE-64).

use std::ptr;

use cxndk::sys::ndkpi::*;

use super::ledger_consumer::{fetch, pair, post_with};
use super::{Consumer, Wrong, assert_broken, assert_misuse, close, dispatch, provider};
use crate::nt::Buffer;
use crate::sim;

/// Registers a page with these rights; the region and its token.
fn register(pd: *mut NDK_PD, buffer: &Buffer, flags: u32) -> (*mut NDK_MR, u32) {
    let mut out = ptr::null_mut::<NDK_MR>();
    let none = ptr::null_mut();
    let status = dispatch!(pd, NdkCreateMr, 0, Some(super::on_created), none, &raw mut out);
    let region = Consumer::made(status, out);
    let length = buffer.len() as u64;
    let done = Some(super::on_request as _);
    assert_eq!(
        dispatch!(region, NdkRegisterMr, buffer.mdl(), length, flags, done, none),
        0
    );
    let token = dispatch!(region, NdkGetLocalTokenFromMr);
    (region, token)
}

/// A receive into the region, on a queue pair that is connected or not, then the end of the region; the receive finishes before that,
/// or not.
fn end_region(consumer: &Consumer, connected: bool, finish: bool, end: fn(*mut NDK_MR)) {
    let (qp, cq) = pair(consumer);
    if connected {
        Consumer::connect(consumer.connector(), qp);
        provider::complete_all(0);
    }
    let buffer = Buffer::new(4096);
    let (region, token) = register(consumer.pd(), &buffer, 1);
    post_with(qp, buffer.address(), token);
    if finish {
        provider::queue_pair::finish(0);
        fetch(cq);
    }
    end(region);
}

fn deregister(region: *mut NDK_MR) {
    let done = Some(super::on_request as _);
    dispatch!(region, NdkDeregisterMr, done, ptr::null_mut());
}

fn close_region(region: *mut NDK_MR) {
    close(region);
}

/// Proves the check of LEDGER-01.
#[test]
fn a_region_outlives_the_requests_that_use_it() {
    assert_misuse("none", |consumer| end_region(consumer, false, false, deregister));
    assert_misuse("none", |consumer| end_region(consumer, true, true, deregister));
    assert_misuse("none", |consumer| end_region(consumer, true, true, close_region));
    assert_misuse("LEDGER-01", |consumer| {
        end_region(consumer, true, false, deregister)
    });
    assert_misuse("LEDGER-01", |consumer| {
        end_region(consumer, true, false, close_region)
    });
}

fn free_after(consumer: &Consumer, end: Option<fn(*mut NDK_MR)>) {
    let buffer = Buffer::new(4096);
    let (region, _) = register(consumer.pd(), &buffer, 1);
    end.iter().for_each(|end| end(region));
    drop(buffer);
}

/// Proves the check of LEDGER-02.
#[test]
fn registered_and_mapped_memory_is_not_freed() {
    assert_misuse("none", |consumer| free_after(consumer, Some(deregister)));
    assert_misuse("none", |consumer| free_after(consumer, Some(close_region)));
    assert_misuse("LEDGER-02", |consumer| free_after(consumer, None));
    assert_misuse("LEDGER-02", |consumer| {
        let buffer = Buffer::new(4096);
        map(consumer, &buffer, &mut place());
        drop(buffer);
    });
}

/// Proves the check of LEDGER-03: a key grants what the registration asked for.
#[test]
fn a_region_grants_what_was_asked_for() {
    for flags in [0, 1, 2, 5, 7] {
        let wanted = flags == 7;
        let registers: fn(&Consumer) = match flags {
            0 => |consumer| rights(consumer, 0),
            1 => |consumer| rights(consumer, 1),
            2 => |consumer| rights(consumer, 2),
            5 => |consumer| rights(consumer, 5),
            _ => |consumer| rights(consumer, 7),
        };
        assert_misuse("none", registers);
        let rule = if wanted { "none" } else { "LEDGER-03" };
        let verifier = if wanted { "none" } else { "VRF-48" };
        assert_broken(Wrong::GrantsEverything, rule, verifier, registers);
    }
}

fn rights(consumer: &Consumer, flags: u32) {
    let buffer = Buffer::new(4096);
    let (region, _) = register(consumer.pd(), &buffer, flags);
    close(region);
}

/// The structure of a mapping of one page.
fn place() -> NDK_LOGICAL_ADDRESS_MAPPING {
    // SAFETY: plain data.
    unsafe { std::mem::zeroed() }
}

fn map(consumer: &Consumer, buffer: &Buffer, mapping: &mut NDK_LOGICAL_ADDRESS_MAPPING) {
    let (mut size, mut offset) = (24, 0);
    let status = dispatch!(
        consumer.adapter(),
        NdkBuildLAM,
        buffer.mdl(),
        buffer.len() as u64,
        Some(super::on_request),
        ptr::null_mut(),
        ptr::from_mut(mapping),
        &raw mut size,
        &raw mut offset
    );
    assert_eq!(status, 0);
}

fn release(adapter: *mut NDK_ADAPTER, mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING) {
    dispatch!(adapter, NdkReleaseLAM, mapping);
}

fn release_under_a_receive(consumer: &Consumer, finish: bool) {
    let (qp, cq) = pair(consumer);
    let buffer = Buffer::new(4096);
    let mut mapping = place();
    map(consumer, &buffer, &mut mapping);
    let mut token = 0;
    dispatch!(consumer.pd(), NdkGetPrivilegedMemoryRegionToken, &raw mut token);
    post_with(qp, ptr::without_provenance_mut(0x4010), token);
    if finish {
        provider::queue_pair::finish(0);
        fetch(cq);
    }
    // The consumer may keep the structure elsewhere.
    let mut moved = mapping;
    release(consumer.adapter(), &raw mut moved);
}

fn release_twice(consumer: &Consumer) {
    let buffer = Buffer::new(4096);
    let mut mapping = place();
    map(consumer, &buffer, &mut mapping);
    release(consumer.adapter(), &raw mut mapping);
    release(consumer.adapter(), &raw mut mapping);
}

/// Proves the checks of MR-76, MR-78 and MR-79.
#[test]
fn a_mapping_is_released_once_and_after_its_requests() {
    assert_misuse("none", |consumer| release_under_a_receive(consumer, true));
    assert_misuse("MR-79", |consumer| release_under_a_receive(consumer, false));
    assert_misuse("MR-78", release_twice);
    assert_misuse("MR-76", |consumer| {
        let buffer = Buffer::new(4096);
        let mut mapping = place();
        map(consumer, &buffer, &mut mapping);
        map(consumer, &buffer, &mut mapping);
    });
}

/// Two contexts release mappings of one adapter at once, which the provider takes its time for.
fn release_from_two_contexts(consumer: &Consumer) {
    let buffer = Buffer::new(4096);
    let mut mappings = [place(), place()];
    let tasks = mappings.each_mut().map(|mapping| {
        map(consumer, &buffer, mapping);
        let (adapter, mapping) = (consumer.adapter() as usize, ptr::from_mut(mapping) as usize);
        sim::spawn(sim::TaskSpec::on("releaser", sim::HostId(0), 0), move || {
            release(adapter as *mut _, mapping as *mut _);
        })
    });
    tasks.into_iter().for_each(sim::join);
}

/// Proves that LIFE-64 and MR-78 are not held against a consumer that keeps them: mappings are counted right whoever runs in between.
#[test]
fn mappings_that_are_released_at_once_are_all_counted() {
    for seed in 0..10 {
        sim::run(seed, || {
            let (_driver, adapter) = super::started();
            let ndk = adapter.open_ndk(1, 2).expect("the adapter opens");
            super::on_host(move || {
                let consumer = Consumer { ndk };
                release_from_two_contexts(&consumer);
                consumer.ndk.close();
            });
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}
