//! What has to be given back: VRF-13 ... VRF-15, VRF-17 ... VRF-20, VRF-22, VRF-28, VRF-42.

use super::{Wrong, assert_caught, caught, halted, life, tiny};
use crate::ndis::{Adapter, Driver, StartError};
use crate::sim::faults::{self, Plan, When};
use crate::{nt, pci, sim};

/// Proves VRF-13, VRF-14, VRF-15, VRF-17, VRF-19, VRF-42, VRF-45, the checks of handles and tags (VRF-20), and those of DMA-11 and HALT-01. Also VRF-18
/// (a periodic timer cancelled at DISPATCH_LEVEL) and DRV-09 (a failed DriverEntry that stays registered).
#[test]
fn whatever_initialize_took_halt_gives_back() {
    let cases = [
        (Wrong::InterruptLeft, "VRF-13"),
        (Wrong::DmaLeft, "VRF-14"),
        (Wrong::WorkItemLeft, "VRF-15"),
        (Wrong::TimerLeftSet, "VRF-17"),
        (Wrong::TimerLeft, "VRF-42"),
        (Wrong::ConfigurationLeft, "VRF-19"),
        (Wrong::SharedLeft, "VRF-45"),
        (Wrong::IoLeft, "VRF-42"),
        (Wrong::PoolLeft, "VRF-42"),
        (Wrong::NotificationLeft, "VRF-42"),
        (Wrong::TableLeft, "VRF-42"),
        (Wrong::DeviceLeft, "HALT-01"),
        (Wrong::NoTag, "VRF-20"),
        (Wrong::HandleAfterFree, "NDIS-HANDLE"),
        (Wrong::NeverDeregisters, "DRV-11"),
        (Wrong::PeriodicCancelAtDispatch, "VRF-18"),
    ];
    assert_caught(&cases, life);
    let loaded = sim::run(1, || {
        tiny().wrong.set(Some(Wrong::StaysRegistered));
        Driver::load(nt::add_host("host", 1), super::tiny::entry).map(drop)
    });
    assert_eq!(loaded.unwrap_err().rule, "DRV-09");
}

fn shut_down(_: &pci::Function, adapter: &Adapter) {
    adapter.start().expect("the adapter starts");
    adapter.shutdown(0);
}

/// Proves VRF-22.
#[test]
fn shutdown_frees_nothing() {
    assert_eq!(caught(Wrong::FreeSharedInShutdown, shut_down), "VRF-22");
}

fn fail_shared_memory(_: &pci::Function, adapter: &Adapter) {
    faults::set(Some(Plan::new().fail("NdisMAllocateSharedMemory", When::Nth(1))));
    adapter.initialize().expect_err("there is no memory");
}

fn fail_timer(_: &pci::Function, adapter: &Adapter) {
    faults::set(Some(Plan::new().fail("NdisAllocateTimerObject", When::Nth(1))));
    adapter.initialize().expect_err("there is no timer");
}

/// Proves VRF-28, INIT-01 and VRF-42.
#[test]
fn a_failed_initialize_says_why_and_leaves_nothing() {
    assert_eq!(caught(Wrong::SilentSharedFailure, fail_shared_memory), "VRF-28");
    assert_eq!(caught(Wrong::SilentFailure, fail_timer), "INIT-01");
    assert_eq!(caught(Wrong::PoolLeftOnFailure, fail_timer), "VRF-42");
}

/// Proves INIT-04: every service of Initialize can fail, the good driver undoes what it did and starts afterwards.
#[test]
fn every_service_of_initialize_can_fail() {
    let points = [
        "NdisMSetMiniportAttributes",
        "NdisMMapIoSpace",
        "NdisMRegisterScatterGatherDma",
        "NdisMAllocateSharedMemory",
        "NdisAllocateMemoryWithTagPriority",
        "NdisAllocateTimerObject",
        "NdisAllocateIoWorkItem",
        "NdisMRegisterInterruptEx",
    ];
    for point in points {
        sim::run(5, move || {
            let (_, driver, adapter) = halted();
            faults::set(Some(Plan::new().fail(point, When::Nth(1))));
            let error = adapter.initialize().expect_err("a service failed");
            assert!(matches!(error, StartError::Status { status, .. } if status == cxndk::sys::ndis::NDIS_STATUS_RESOURCES));
            assert_eq!(adapter.event_log().len(), 1);
            faults::set(None);
            adapter.start().expect("it works now");
            adapter.stop();
            adapter.remove();
            driver.unload();
        })
        .unwrap_or_else(|failure| panic!("{point}: {failure}"));
    }
}

/// Proves DMA-07: some hosts have long pieces of contiguous memory left, others have not, as the seed says.
#[test]
fn a_host_may_have_no_long_piece_of_shared_memory() {
    let mut short = 0;
    for seed in 0..8 {
        short += sim::run(seed, move || {
            let (_, _, adapter) = halted();
            adapter.start().expect("the adapter starts");
            let longest = adapter.longest_shared_memory();
            let starved = longest != u32::MAX;
            if starved {
                nt::on_host(sim::HostId(0), "allocate", move || {
                    super::tiny::allocate_async_bytes(longest + 1)
                });
                sim::sleep(sim::MILLISECOND);
                assert_eq!(tiny().async_shared.get(), 0);
            }
            adapter.stop();
            u32::from(starved)
        })
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
    assert!((1..8).contains(&short), "{short} of 8");
}

/// Proves DMA-07: at run time shared memory comes through the completion handler, or null does.
#[test]
fn shared_memory_at_run_time_comes_later() {
    for fails in [false, true] {
        sim::run(2, move || {
            let (_, _, adapter) = halted();
            adapter.start().expect("the adapter starts");
            if fails {
                faults::set(Some(Plan::new().fail("shared memory completion", When::Nth(1))));
            }
            let status = nt::on_host(sim::HostId(0), "allocate", super::tiny::allocate_async);
            assert_eq!(status, cxndk::sys::ndis::NDIS_STATUS_PENDING);
            sim::sleep(sim::MILLISECOND);
            assert_eq!(tiny().async_shared.get() == 0, fails);
            adapter.stop();
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    }
}
