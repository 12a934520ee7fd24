//! A third party's NDK consumer, a kernel driver of its own beside cxndk: it finds NDK through WSK and moves data.
//!
//! `CXNDK_CONSUMER` names its image; without it the same driver, linked in, runs.

use std::net::Ipv4Addr;
use std::rc::Rc;

use cxndk_testbed::driver_source::image_named_by;
use cxndk_testbed::nt::DriverEntry;
use cxndk_testbed::nt::WdmDriver;
use cxndk_testbed::nt::image::{Image, ImageFile};
use cxndk_testbed::sim;
use cxndk_testbed::world::{Host, World};
use ndk_consumer::abi::{DriverObject, UnicodeString};
use ndk_consumer::exchange::PATTERN;

const PORT: u32 = 7471;
const LISTENER: u32 = 0;
const CONNECTOR: u32 = 1;
const ACCESS_DENIED: u32 = 0xC000_0022;

/// `DriverEntry` as the consumer declares it.
type ConsumerEntry = unsafe extern "win64" fn(*mut DriverObject, *mut UnicodeString) -> i32;

/// The consumer's entry point, and its image if it comes from one.
fn consumer() -> (DriverEntry, Option<Image>) {
    if let Some(path) = image_named_by("CXNDK_CONSUMER") {
        let file = ImageFile::open(&path).unwrap_or_else(|error| panic!("{error}"));
        let image = Image::load(&file).unwrap_or_else(|error| panic!("{error}"));
        (image.entry(), Some(image))
    } else {
        eprintln!("the consumer is linked in; scripts/test-sys runs its image");
        let entry: ConsumerEntry = ndk_consumer::driver::DriverEntry;
        // SAFETY: the consumer has declarations of its own for the same structures.
        (
            unsafe { std::mem::transmute::<ConsumerEntry, DriverEntry>(entry) },
            None,
        )
    }
}

/// Loads the consumer on `host` with its settings in the registry.
fn load(host: &Host, role: u32, remote: Ipv4Addr, interface: u32) -> Result<WdmDriver, i32> {
    let path = cxndk_testbed::nt::service_path(host.id, "ndk_consumer");
    let key = cxndk_testbed::nt::key(&path);
    for (name, value) in [
        ("Role", role),
        ("InterfaceIndex", interface),
        ("LocalAddress", host.ipv4.into()),
        ("RemoteAddress", remote.into()),
        ("Port", PORT),
    ] {
        key.set_dword(name, value);
    }
    let (entry, image) = consumer();
    WdmDriver::load(host.id, "ndk_consumer", entry, image)
}

fn wait(driver: &WdmDriver) -> (Option<u32>, Option<u32>) {
    let limit = sim::now() + 120 * sim::SECOND;
    while driver.key().dword("Result").is_none() {
        assert!(sim::now() < limit, "the consumer does not end");
        sim::sleep(sim::MILLISECOND);
    }
    (driver.key().dword("Result"), driver.key().dword("Bytes"))
}

fn interface(host: &Host) -> u32 {
    host.adapter
        .interface()
        .expect("the adapter has an interface")
        .index
}

#[test]
fn two_consumers_find_each_other_and_exchange_memory() {
    for seed in 0..5 {
        World::new(seed)
            .run(|world| {
                let [a, b] = &world.hosts[..] else {
                    unreachable!("two hosts")
                };
                let listener = load(b, LISTENER, a.ipv4, interface(b)).expect("the listener loads");
                sim::sleep(10 * sim::MILLISECOND);
                let connector = load(a, CONNECTOR, b.ipv4, interface(a)).expect("the connector loads");
                let good = (Some(0), Some(2 * PATTERN));
                assert_eq!((wait(&connector), wait(&listener)), (good, good), "seed {seed}");
                connector.unload();
                listener.unload();
            })
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

/// DriverUnload waits for the driver's thread, whatever that is doing.
#[test]
fn consumers_that_are_unloaded_at_work_finish_it_first() {
    World::new(7)
        .run(|world| {
            let [a, b] = &world.hosts[..] else {
                unreachable!("two hosts")
            };
            let listener = load(b, LISTENER, a.ipv4, interface(b)).expect("the listener loads");
            sim::sleep(10 * sim::MILLISECOND);
            let connector = load(a, CONNECTOR, b.ipv4, interface(a)).expect("the connector loads");
            let keys = [listener.key().clone(), connector.key().clone()];
            listener.unload();
            connector.unload();
            for key in keys {
                assert_eq!(key.dword("Result"), Some(0));
            }
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_connector_that_finds_nobody_says_so_and_leaves_nothing() {
    World::new(1)
        .run(|world| {
            let [a, b] = &world.hosts[..] else {
                unreachable!("two hosts")
            };
            let connector = load(a, CONNECTOR, b.ipv4, interface(a)).expect("the connector loads");
            let (status, bytes) = wait(&connector);
            // The host answers for its ports, though nobody has opened Network Direct there.
            let refused = Some(0xC000_0236);
            assert_eq!((status, bytes), (refused, Some(0)), "STATUS_CONNECTION_REFUSED");
            connector.unload();
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn wrong_settings_are_refused() {
    World::new(1)
        .run(|world| {
            let a = &world.hosts[0];
            let refused = load(a, 2, a.ipv4, interface(a)).err().map(i32::cast_unsigned);
            assert_eq!(refused, Some(0xC000_000D), "a role that there is not");
            let nowhere = load(a, CONNECTOR, a.ipv4, 99).expect("the thread finds out");
            assert_eq!(
                wait(&nowhere).0,
                Some(0xC000_0225),
                "an interface that there is not"
            );
            nowhere.unload();
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Proves ADAPTER-29, HALT-04: NDIS disables NDK first, and the consumer's objects go before the halt.
#[test]
fn an_adapter_that_stops_waits_for_the_consumer() {
    World::new(3)
        .run(|world| {
            let [a, b] = &world.hosts[..] else {
                unreachable!("two hosts")
            };
            let listener = load(b, LISTENER, a.ipv4, interface(b)).expect("the listener loads");
            sim::sleep(10 * sim::MILLISECOND);
            // The listener gives up after its patience; the stop waits for that, and nothing of it is left.
            let adapter = b.adapter.clone();
            let stopped = Rc::new(std::cell::Cell::new(false));
            let done = Rc::clone(&stopped);
            let stop = b.thread("stop", move || {
                adapter.stop();
                done.set(true);
            });
            sim::sleep(sim::SECOND);
            assert!(!stopped.get(), "NDK objects are open");
            assert_ne!(wait(&listener).0, Some(ACCESS_DENIED));
            sim::join(stop);
            assert!(stopped.get());
            listener.unload();
            b.adapter.start().expect("it starts again");
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
