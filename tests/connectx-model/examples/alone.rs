//! The device without any simulated system: a machine of a few lines, and a driver that boots it and asks for a page count.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use connectx_model::{Config, Device, DmaFault, Phase, Platform};
use roce_wire::environment::MILLISECOND;
use roce_wire::{Environment as _, Surroundings, Timeline};

/// 64 KiB of memory at bus address 0, what the driver reads in BAR0, and the messages that came.
struct Machine {
    around: Surroundings,
    memory: RefCell<Vec<u8>>,
    registers: RefCell<Vec<u8>>,
    messages: Cell<u32>,
}

impl Machine {
    fn range(&self, bus: u64, length: usize, write: bool) -> Result<std::ops::Range<usize>, DmaFault> {
        let range = bus as usize..bus as usize + length;
        let inside = range.end <= self.memory.borrow().len();
        inside.then_some(range).ok_or(DmaFault {
            address: bus,
            length,
            write,
            stale: false,
        })
    }

    fn register(&self, offset: usize) -> u32 {
        let bytes: [u8; 4] = self.registers.borrow()[offset..offset + 4]
            .try_into()
            .expect("4 bytes");
        u32::from_be_bytes(bytes)
    }
}

impl Platform for Machine {
    fn environment(&self) -> &Surroundings {
        &self.around
    }

    fn read(&self, bus: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        let range = self.range(bus, into.len(), false)?;
        into.copy_from_slice(&self.memory.borrow()[range]);
        Ok(())
    }

    fn write(&self, bus: u64, from: &[u8]) -> Result<(), DmaFault> {
        let range = self.range(bus, from.len(), true)?;
        self.memory.borrow_mut()[range].copy_from_slice(from);
        Ok(())
    }

    fn message(&self, _vector: u16) {
        self.messages.set(self.messages.get() + 1);
    }

    fn show(&self, offset: u64, bytes: &[u8]) {
        self.registers.borrow_mut()[offset as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn violation(&self, rule: &'static str, text: String) {
        panic!("{rule}: {text}");
    }
}

/// Runs a command of 16 bytes and returns its 16 bytes of answer. The queue lies at bus address 0x1000.
fn command(device: &Device, machine: &Machine, clock: &Timeline, opcode: u16, op_mod: u16) -> [u8; 16] {
    let mut entry = [0; 64];
    entry[0] = 7;
    entry[7] = 16;
    entry[0x10..0x12].copy_from_slice(&opcode.to_be_bytes());
    entry[0x16..0x18].copy_from_slice(&op_mod.to_be_bytes());
    entry[0x3b] = 16;
    // A token of its own, and the entry is the device's.
    entry[0x3c] = 1;
    entry[0x3f] = 1;
    machine.memory.borrow_mut()[0x1000..0x1040].copy_from_slice(&entry);
    device.bar_write(0x18, &1_u32.to_be_bytes(), connectx_model::UNSEEN);
    clock.run_for(MILLISECOND);
    let memory = machine.memory.borrow();
    assert_eq!(memory[0x103f], 0, "answered, and delivered well");
    memory[0x1020..0x1030].try_into().expect("16 bytes")
}

fn main() {
    let clock = Timeline::new(1);
    let machine = Rc::new(Machine {
        around: clock.clone(),
        memory: RefCell::new(vec![0; 64 << 10]),
        registers: RefCell::new(vec![0xff; connectx_model::config_space::BAR_SIZE]),
        messages: Cell::new(0),
    });
    let config = Config::new("a ConnectX-5", [2, 0, 0, 0, 0, 1]);
    let device = Device::new(config, machine.clone());
    device.power_on();

    // The firmware says when it is there, and takes the command queue over.
    let initializing = || machine.register(0x1fc) >> 31 != 0;
    assert!(initializing());
    clock.run_for(10 * MILLISECOND);
    assert!(!initializing());
    device.bar_write(0x10, &0_u32.to_be_bytes(), connectx_model::UNSEEN);
    device.bar_write(0x14, &0x1000_u32.to_be_bytes(), connectx_model::UNSEEN);
    clock.run_for(MILLISECOND);
    assert_eq!(device.phase(), Phase::Commands);

    // ENABLE_HCA, then QUERY_PAGES for those that the firmware wants to boot with.
    assert_eq!(command(&device, &machine, &clock, 0x104, 0)[0], 0);
    let answer = command(&device, &machine, &clock, 0x107, 1);
    let pages = u32::from_be_bytes([answer[12], answer[13], answer[14], answer[15]]);
    println!(
        "{} boots with {pages} pages, at {} ns",
        device.name(),
        clock.now()
    );
    assert_eq!((answer[0], pages), (0, 16));
    assert_eq!(machine.messages.get(), 0, "nobody asked for events");
}

#[test]
fn the_device_works_alone() {
    main();
}
