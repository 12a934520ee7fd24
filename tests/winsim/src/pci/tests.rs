//! The bus's own tests.

use super::*;
use crate::sim::{self, TaskSpec};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const IDENTITY: Identity = Identity {
    vendor: 0x15b3,
    device: 0x1017,
    revision: 0,
    class: 0x02_0000,
    subsystem_vendor: 0x15b3,
    subsystem: 0x20,
};

/// A device that remembers what was written to it.
#[derive(Default)]
struct Recorder(RefCell<Vec<(u64, Vec<u8>)>>);

impl PciFunction for Recorder {
    fn bar_write(&self, bar: usize, offset: u64, bytes: &[u8]) {
        assert_eq!(bar, 0);
        self.0.borrow_mut().push((offset, bytes.to_vec()));
    }
}

fn recorder() -> (Function, Rc<Recorder>) {
    let function = Function::plain("recorder", &IDENTITY, &[0x10_0000], 4);
    let model = Rc::new(Recorder::default());
    function.plug(model.clone());
    (function, model)
}

fn poke<T>(function: &Function, offset: u64, value: T) {
    let pointer = function
        .map_io(function.bar_address(0) + offset, size_of::<T>())
        .expect("inside the BAR");
    // SAFETY: the pointer is into the BAR, and aligned.
    unsafe { pointer.cast::<T>().write_volatile(value) };
}

#[test]
fn writes_through_the_driver_pointer_reach_the_model_in_order_and_with_their_size() {
    sim::run(1, || {
        let (function, model) = recorder();
        poke(&function, 0x14, 0x0102_0304_u32.to_be());
        poke(&function, 0x800, 0x1122_3344_5566_7788_u64);
        poke(&function, 0x3, 0xa5_u8);
        poke(&function, 0x6, 0xbeef_u16);
        poke(&function, 0x18, 0_u32);
        assert!(model.0.borrow().is_empty(), "a posted write is on its way");
        drain();
        let expected: Vec<(u64, Vec<u8>)> = vec![
            (0x14, vec![1, 2, 3, 4]),
            (0x800, 0x1122_3344_5566_7788_u64.to_le_bytes().to_vec()),
            (0x3, vec![0xa5]),
            (0x6, vec![0xef, 0xbe]),
            (0x18, vec![0; 4]),
        ];
        assert_eq!(*model.0.borrow(), expected);
    })
    .expect("the run ends");
}

#[test]
fn a_switch_of_context_pushes_posted_writes_out() {
    sim::run(1, || {
        let (function, model) = recorder();
        let writer = function;
        sim::join(sim::spawn(TaskSpec::new("driver"), move || {
            for round in 0..1000_u32 {
                poke(&writer, 0x20, round);
                sim::sleep(10);
            }
        }));
        let seen = model.0.borrow();
        let rounds = seen
            .iter()
            .map(|(_, bytes)| u32::from_le_bytes(bytes[..].try_into().expect("4 bytes")));
        assert!(rounds.eq(0..1000));
    })
    .expect("the run ends");
}

#[test]
fn reads_see_what_the_model_stored_and_ones_after_removal() {
    sim::run(1, || {
        let (function, _) = recorder();
        function.bar(0).store_be32(0x10, 0xcafe_f00d);
        #[expect(clippy::cast_ptr_alignment, reason = "a BAR is made of pages")]
        let pointer = function
            .map_io(function.bar_address(0) + 0x10, 4)
            .expect("inside")
            .cast::<u32>();
        // SAFETY: inside the BAR, aligned.
        assert_eq!(u32::from_be(unsafe { pointer.read_volatile() }), 0xcafe_f00d);
        function.remove();
        // SAFETY: as above.
        assert_eq!(unsafe { pointer.read_volatile() }, u32::MAX);
        assert!(
            function.dma().read(0x1234, &mut [0; 4]).is_err(),
            "and no violation: the device is gone"
        );
    })
    .expect("the run ends");
}

#[test]
fn a_plain_part_of_a_bar_takes_writes_as_memory() {
    sim::run(1, || {
        let (function, model) = recorder();
        function.bar(0).set_plain(0x4000, 0x1000, true);
        poke(&function, 0x4008, 77_u64);
        poke(&function, 0x5000, 1_u32);
        drain();
        assert_eq!(model.0.borrow().len(), 1);
        let mut bytes = [0; 8];
        function.bar(0).load(0x4008, &mut bytes);
        assert_eq!(u64::from_le_bytes(bytes), 77);
    })
    .expect("the run ends");
}

#[expect(unconditional_recursion, reason = "to exhaust the stack")]
fn deeper(bytes: &[u8; 512]) -> u8 {
    let more = std::hint::black_box([bytes[0].wrapping_add(1); 512]);
    deeper(&more).wrapping_add(bytes[7])
}

#[test]
fn a_wild_access_and_an_exhausted_stack_are_failures_with_a_history() {
    let wild = sim::run(3, || {
        watch_faults();
        sim::note("before the wild access");
        let pointer = std::hint::black_box(0xdead_0000_usize) as *mut u32;
        // SAFETY: none; the address is bad on purpose, and the handler leaves this frame.
        unsafe { pointer.write_volatile(1) };
    })
    .expect_err("nothing is mapped there");
    assert_eq!(wild.rule, "FAULT");
    assert!(wild.message.contains("0xdead0000"), "{}", wild.message);
    assert!(
        wild.history
            .iter()
            .any(|line| line.contains("before the wild access"))
    );

    let exhausted = sim::run(3, || {
        watch_faults();
        sim::join(sim::spawn(TaskSpec::new("deep"), || {
            std::hint::black_box(deeper(&[0; 512]));
        }));
    })
    .expect_err("the stack ends");
    assert_eq!((exhausted.rule, exhausted.context.as_str()), ("FAULT", "deep"));
}

#[test]
fn messages_wait_for_a_handler_and_for_the_unmasking() {
    sim::run(1, || {
        let (function, _) = recorder();
        let count = Rc::new(Cell::new(0));
        function.raise(2);
        let counter = Rc::clone(&count);
        function.connect(2, Some(Rc::new(move || counter.set(counter.get() + 1))));
        assert_eq!(count.get(), 1);
        function.mask(2, true);
        function.raise(2);
        function.raise(2);
        assert_eq!(count.get(), 1);
        function.mask(2, false);
        assert_eq!(count.get(), 2, "two messages while masked are one pending bit");
        function.connect(2, None);
        function.raise(2);
        assert_eq!(count.get(), 2);
    })
    .expect("the run ends");
}

#[test]
fn the_device_reaches_mapped_bytes_only() {
    sim::run(11, || {
        let (function, _) = recorder();
        let dma = function.dma();
        let mut memory = vec![0_u8; 3 * PAGE + 100];
        let bus = function
            .domain()
            .map(memory.as_mut_ptr(), memory.len(), Access::ReadWrite);
        assert_ne!(bus, memory.as_ptr() as u64);
        assert_eq!(bus % PAGE as u64, memory.as_ptr() as u64 % PAGE as u64);
        let pattern: Vec<u8> = (0..memory.len()).map(|index| index as u8).collect();
        dma.write(bus, &pattern).expect("mapped");
        assert_eq!(memory, pattern);
        let mut pieces = 0;
        dma.with(bus + 10, 2 * PAGE, |bytes| {
            pieces += 1;
            assert_eq!(bytes, &pattern[10..10 + 2 * PAGE]);
        })
        .expect("mapped");
        assert_eq!(pieces, 1, "what lies together comes as one");
        let tolerant = dma.tolerant();
        let over = tolerant
            .write(bus + memory.len() as u64 - 4, &[1; 8])
            .expect_err("four bytes too many");
        assert!(over.stale && over.length == 4);
        let fixed = function.domain().map(memory.as_mut_ptr(), 64, Access::Read);
        assert!(tolerant.write(fixed, &[0]).is_err() && tolerant.read(fixed, &mut [0; 64]).is_ok());
        assert!(function.domain().unmap(bus, memory.len()));
        assert!(!function.domain().unmap(bus, memory.len()), "only once");
        assert!(tolerant.read(bus, &mut [0]).is_err());
    })
    .expect("the run ends");
}

/// Proves DMA-06 and DMA-08.
#[test]
fn dma_06_08_a_stale_address_and_a_pointer_as_address_end_the_run() {
    let stale = sim::run(1, || {
        let (function, _) = recorder();
        let mut memory = [0_u8; 64];
        let bus = function.domain().map(memory.as_mut_ptr(), 64, Access::ReadWrite);
        function.domain().unmap(bus, 64);
        let _ = function.dma().write(bus, &[1]);
    });
    assert_eq!(stale.expect_err("a violation").rule, "DMA-06");
    let pointer = sim::run(1, || {
        let (function, _) = recorder();
        let memory = [0_u8; 64];
        let _ = function.dma().read(memory.as_ptr() as u64, &mut [0; 4]);
    });
    assert_eq!(pointer.expect_err("a violation").rule, "DMA-08");
}

#[test]
fn configuration_space_identifies_the_function_and_keeps_read_only_bits() {
    sim::run(1, || {
        let (function, _) = recorder();
        let mut id = [0; 4];
        function.config_read(0, &mut id);
        assert_eq!(id, [0xb3, 0x15, 0x17, 0x10]);
        function.config_write(0, &[0; 4]);
        function.config_read(0, &mut id);
        assert_eq!(id, [0xb3, 0x15, 0x17, 0x10]);
        let mut beyond = [0; 2];
        function.config_read(4095, &mut beyond);
        assert_eq!(beyond[1], 0xff);
    })
    .expect("the run ends");
}

/// Proves SHUT-01: a function that may not begin transactions reaches no memory and sends no message, and it can again when it may.
#[test]
fn a_function_without_the_bus_reaches_nothing() {
    sim::run(1, || {
        let (function, _) = recorder();
        let mut memory = vec![0_u8; 64].into_boxed_slice();
        let bus = function
            .domain()
            .map(memory.as_mut_ptr(), memory.len(), Access::ReadWrite);
        let told = Rc::new(Cell::new(0));
        let count = Rc::clone(&told);
        function.connect(0, Some(Rc::new(move || count.set(count.get() + 1))));
        let dma = function.dma();
        for (command, reaches) in [(6, true), (2, false), (6, true)] {
            function.config_write(4, &[command, 0]);
            assert_eq!(function.is_master(), reaches);
            let before = told.get();
            assert_eq!(dma.write(bus, &[before as u8 + 1]).is_ok(), reaches);
            assert_eq!(dma.read(bus, &mut [0]).is_ok(), reaches);
            function.raise(0);
            assert_eq!(told.get() - before, i32::from(reaches));
        }
        assert_eq!((memory[0], told.get()), (2, 2));
        assert!(function.domain().unmap(bus, memory.len()));
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Bus address 0 goes to a mapping that is large enough, as long as that lives, and reaches its memory.
#[test]
fn bus_address_zero_is_one_like_any_other() {
    sim::run(1, || {
        let (function, _) = recorder();
        let domain = function.domain();
        domain.offer_zero(2);
        let layout = std::alloc::Layout::from_size_align(2 * PAGE, PAGE).expect("a layout");
        // SAFETY: of more than no bytes.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        assert_ne!(domain.map(memory, PAGE, Access::Read), 0, "it is too short");
        for _ in 0..2 {
            assert_eq!(domain.map(memory, 2 * PAGE, Access::ReadWrite), 0);
            assert_ne!(domain.map(memory, 2 * PAGE, Access::ReadWrite), 0, "it is taken");
            function
                .dma()
                .write(PAGE as u64 - 1, &[1, 2])
                .expect("both pages are mapped");
            assert!(domain.unmap(0, 2 * PAGE));
        }
        // SAFETY: inside the memory, which nothing writes now.
        assert_eq!(unsafe { memory.add(PAGE).read() }, 2);
        // SAFETY: allocated so above.
        unsafe { std::alloc::dealloc(memory, layout) };
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Proves DMA-06: memory that is freed while a device can reach it ends the run, and what lies beside it does not.
#[test]
fn dma_06_memory_is_not_freed_while_a_device_can_reach_it() {
    for (mapped, rule) in [
        ((0, 100), "none"),
        ((4096, 1), "DMA-06"),
        ((12287, 1), "DMA-06"),
        ((12288, 8), "none"),
    ] {
        let result = sim::run(1, move || {
            let (function, _) = recorder();
            let around = crate::nt::HostMemory::at(0, 4 * PAGE);
            let start = around.address().wrapping_add(mapped.0);
            function.domain().map(start, mapped.1, Access::Read);
            super::memory_freed(around.address() as usize + PAGE, 2 * PAGE, || "it".to_owned());
            std::mem::forget(around);
        });
        assert_eq!(
            result.err().map_or("none", |failure| failure.rule),
            rule,
            "{mapped:?}"
        );
    }
    let consumer = sim::run(1, || {
        let (function, _) = recorder();
        let buffer = crate::nt::HostMemory::new(100);
        function.domain().map(buffer.address(), 100, Access::ReadWrite);
    });
    assert_eq!(consumer.expect_err("a violation").rule, "DMA-06");
}
