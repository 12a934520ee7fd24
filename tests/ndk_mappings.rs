//! Logical address mappings: what they say, where they are built, how long they hold.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dispatch table is behind two pointers"
)]

#[allow(dead_code, reason = "shared by several scenario files")]
mod support;

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndkpi::{NDK_FN_REQUEST_COMPLETION, NDK_LOGICAL_ADDRESS_MAPPING};
use cxndk_testbed::consumers::ndk::{Adapter, Buffer, Lam, Started, Status, sge};
use cxndk_testbed::consumers::node::on;
use cxndk_testbed::sim::faults::{self, Plan, When};
use cxndk_testbed::sim::{self, HostId, TaskSpec};
use cxndk_testbed::world::World;
use support::{BUFFER, Link, QUEUES, with_adapter};

const PAGE: u64 = 4096;

/// Proves MR-71, MR-72, MR-77: what a build fills in; and that it asks for more room without touching anything.
#[test]
fn a_logical_address_mapping_says_what_it_needs() {
    with_adapter(8, |adapter| {
        let buffer = Buffer::new(3 * PAGE as usize + 5);
        let mut room = [u64::MAX; 8];
        let mapping = room.as_mut_ptr().cast::<NDK_LOGICAL_ADDRESS_MAPPING>();
        let (mut size, mut offset) = (16 + 8 * 3, u32::MAX);
        // SAFETY: an open adapter.
        let table = unsafe { &*(*adapter.raw()).Dispatch };
        let build = table.NdkBuildLAM.expect("filled");
        let length = buffer.len() as u64;
        let mut call = |size: &mut u32| {
            // SAFETY: the arguments are those of NdkBuildLAM; without a completion it does not pend.
            Status(unsafe {
                build(
                    adapter.raw(),
                    buffer.mdl(),
                    length,
                    None,
                    ptr::null_mut(),
                    mapping,
                    size,
                    &raw mut offset,
                )
            })
        };
        assert_eq!(call(&mut size), Status::BUFFER_TOO_SMALL);
        assert_eq!(size, 16 + 8 * 4);
        assert_eq!(call(&mut size), Status::SUCCESS);
        assert_eq!((size, offset), (16 + 8 * 4, 0));
        assert_eq!(room[1] as u32, 4);
        assert!(room[2..6].iter().all(|page| page % PAGE == 0));
        assert_eq!(room[6..], [u64::MAX; 2], "nothing beyond");
        // SAFETY: built above, released once.
        unsafe { table.NdkReleaseLAM.expect("filled")(adapter.raw(), mapping) };
        // SAFETY: the arguments are those of NdkBuildLAM; the chain is shorter than that.
        let beyond = Started::run(|context| unsafe {
            let completion = Some(cxndk_testbed::consumers::ndk::request_completed as _);
            build(
                adapter.raw(),
                buffer.mdl(),
                length + 1,
                completion,
                context,
                mapping,
                &raw mut size,
                &raw mut offset,
            )
        });
        assert_eq!(beyond.wait(), Err(Status::INVALID_PARAMETER));
    });
}

/// Runs `body` at `DISPATCH_LEVEL`.
fn at_dispatch<T: 'static>(host: HostId, body: impl FnOnce() -> T + 'static) -> T {
    let result = Rc::new(Cell::new(None));
    let place = Rc::clone(&result);
    let spec = TaskSpec::on("maps", host, sim::DISPATCH_LEVEL);
    sim::join(sim::spawn(spec, move || place.set(Some(body()))));
    result.take().expect("it has returned")
}

/// Proves MR-80, MR-78: mappings are built and given back at `DISPATCH_LEVEL`, without anything that runs at `PASSIVE_LEVEL`, whether the
/// system has the list at once or later; and they lead to the buffer.
#[test]
fn logical_addresses_are_mapped_at_dispatch_level() {
    const ROUNDS: usize = 8;
    let (mut inline, mut pended) = (0, 0);
    for seed in 0..20 {
        let (now, later) = World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            let host = world.hosts[0].id;
            let pended = Rc::new(Cell::new(0));
            link.on_b(|b| b.qp.receive(1, &[b.piece(0..128)]).expect("posts"));
            link.a.fill(0..128, 0x3c);
            faults::set(Some(Plan::new().fail("NdisAllocateIoWorkItem", When::From(1))));
            for round in 0..ROUNDS {
                let (side, count) = (Rc::clone(&link.a), Rc::clone(&pended));
                let building = at_dispatch(host, move || {
                    let building = Lam::start(side.adapter, &side.buffer);
                    count.set(count.get() + usize::from(building.pended()));
                    building
                });
                let lam = on(host, "wait", move || building.wait()).expect("a mapping");
                assert_eq!(lam.pages().len(), BUFFER / PAGE as usize);
                if round == 0 {
                    let address = ptr::without_provenance_mut(lam.pages()[0] as usize);
                    link.on_a(move |a| {
                        let entry = sge(address, 128, a.pd.privileged_token());
                        a.qp.send(1, &[entry], 0).expect("posts");
                        assert_eq!(a.result().status, Status::SUCCESS);
                    });
                }
                at_dispatch(host, move || lam.release());
            }
            faults::set(None);
            link.on_b(|b| {
                assert_eq!(b.result().bytes, 128);
                assert_eq!(b.buffer.bytes()[..128], [0x3c; 128]);
            });
            link.close();
            (ROUNDS - pended.get(), pended.get())
        });
        inline += now;
        pended += later;
    }
    assert!(
        inline > 0 && pended > 0,
        "both ways: {inline} inline, {pended} pended"
    );
}

/// How `NdkBuildLAM` ended, and the structure that it filled.
struct Built {
    status: Status,
    room: Vec<u64>,
}

unsafe extern "win64" fn too_late(context: *mut c_void, status: i32) {
    // No consumer can make sense of that.
    sim::fail("MR-77", format!("a completion with {status:#x} for {context:p}"));
}

/// Builds a mapping as consumers do that want it now: with this completion, and NULL as its context.
fn build_now(adapter: Adapter, buffer: &Buffer, completion: NDK_FN_REQUEST_COMPLETION) -> Built {
    let mut room = vec![0_u64; 2 + buffer.len().div_ceil(4096) + 1];
    let (mut size, mut offset) = ((room.len() * 8) as u32, 0);
    // SAFETY: the adapter is open.
    let dispatch = unsafe { (*adapter.raw()).Dispatch };
    // SAFETY: its table stays.
    let build = unsafe { (*dispatch).NdkBuildLAM }.expect("filled");
    let mapping = room.as_mut_ptr().cast::<NDK_LOGICAL_ADDRESS_MAPPING>();
    // SAFETY: the arguments are those of NdkBuildLAM.
    let status = unsafe {
        build(
            adapter.raw(),
            buffer.mdl(),
            buffer.len() as u64,
            completion,
            ptr::null_mut(),
            mapping,
            &raw mut size,
            &raw mut offset,
        )
    };
    Built {
        status: Status(status),
        room,
    }
}

/// Gives a mapping of [`build_now`] back.
fn release_now(adapter: Adapter, mut built: Built) {
    // SAFETY: the adapter is open.
    let dispatch = unsafe { (*adapter.raw()).Dispatch };
    // SAFETY: its table stays.
    let release = unsafe { (*dispatch).NdkReleaseLAM }.expect("filled");
    // SAFETY: a mapping that was built.
    unsafe { release(adapter.raw(), built.room.as_mut_ptr().cast()) }
}

/// Proves MR-70, MR-77: below `DISPATCH_LEVEL` a mapping is there when the call returns, however late the system has the list, with a
/// completion that cannot take a late call, and with none.
#[test]
fn a_mapping_comes_inline_where_one_may_wait() {
    for seed in 0..12 {
        World::new(seed).play(move |world| {
            let host = &world.hosts[0];
            let open = host.open_ndk();
            let adapter = open.adapter();
            let level = (seed % 2) as u8;
            let spec = TaskSpec::on("consumer", host.id, level);
            sim::join(sim::spawn(spec, move || {
                for completion in [Some(too_late as _), None] {
                    let buffer = Buffer::at(100, 70_000);
                    let built = build_now(adapter, &buffer, completion);
                    assert_eq!(built.status, Status::SUCCESS);
                    assert_eq!(built.room[1] as u32, 18, "pages");
                    release_now(adapter, built);
                }
            }));
            open.close();
        });
    }
}

/// Proves MR-78, MR-13: mapping and registration end with memory that lives, though the MDL that they were made of has gone.
#[test]
fn a_mapping_does_not_depend_on_the_mdl_that_it_was_made_of() {
    for seed in 0..6 {
        World::new(seed).play(|world| {
            let link = Link::new(world, QUEUES);
            link.on_b(|b| b.qp.receive(1, &[b.piece(0..128)]).expect("posts"));
            link.on_a(|a| {
                let mut buffer = Buffer::at(100, 30_000);
                let lam = Lam::build(a.adapter, &buffer).expect("a mapping");
                let mr = a.pd.register(&buffer, support::ALL_RIGHTS).expect("a region");
                buffer.renew_mdl();
                buffer.bytes_mut()[..16].fill(7);
                let first = lam.pages()[0] + u64::from(lam.first_byte_offset());
                let pieces = [
                    sge(
                        ptr::without_provenance_mut(first as usize),
                        8,
                        a.pd.privileged_token(),
                    ),
                    sge(buffer.address().wrapping_add(8), 8, mr.local_token()),
                ];
                a.qp.send(2, &pieces, 0).expect("a send");
                assert_eq!(a.result().status, Status::SUCCESS);
                mr.close_and_wait().expect("closes");
                lam.release();
            });
            link.on_b(|b| {
                assert_eq!(b.result().bytes, 16);
                assert_eq!(b.buffer.bytes()[..16], [7; 16]);
            });
            link.close();
        });
    }
}
