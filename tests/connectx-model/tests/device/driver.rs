//! A driver of a few lines: host memory, registers, commands. It makes the mistakes that a test asks for.

#![expect(clippy::cast_ptr_alignment, reason = "registers are aligned in their BAR")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::hw::layout::{self as hw, opcode as op};

use connectx_model::{Config, Device};
use cxndk_testbed::pci::{self, Access, Function};
use cxndk_testbed::sim;
use cxndk_testbed::slot::Slot;

const PAGE: usize = 4096;
/// The mini driver gives up on a command after this time.
const PATIENCE_NS: u64 = sim::SECOND;
/// MAC address of the device.
pub(super) const MAC: [u8; 6] = [0x02, 0, 0, 0x12, 0x34, 0x56];

/// Host memory that the device can reach, made of whole pages.
pub(super) struct Memory {
    host: *mut u8,
    length: usize,
    pub(super) bus: u64,
    function: Function,
}

impl Memory {
    pub(super) fn new(function: &Function, length: usize) -> Self {
        let length = length.next_multiple_of(PAGE);
        let layout = Layout::from_size_align(length, PAGE).expect("a layout of pages");
        // SAFETY: the size is not zero.
        let host = unsafe { alloc_zeroed(layout) };
        let bus = function.domain().map(host, length, Access::ReadWrite);
        Self {
            host,
            length,
            bus,
            function: function.clone(),
        }
    }

    /// Bus addresses of its pages.
    pub(super) fn pages(&self) -> Vec<u64> {
        (0..self.length / PAGE)
            .map(|page| self.bus + (page * PAGE) as u64)
            .collect()
    }

    pub(super) fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        assert!(at + N <= self.length);
        let mut bytes = [0; N];
        // SAFETY: inside the allocation.
        let source = unsafe { self.host.add(at) };
        // SAFETY: source and target are valid for N bytes and apart.
        unsafe { std::ptr::copy_nonoverlapping(source, bytes.as_mut_ptr(), N) };
        bytes
    }

    pub(super) fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.length);
        // SAFETY: inside the allocation.
        let target = unsafe { self.host.add(at) };
        // SAFETY: source and target are valid for the length and apart.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    }

    pub(super) fn write_be32(&self, at: usize, value: u32) {
        self.write(at, &value.to_be_bytes());
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.function.domain().unmap(self.bus, self.length);
        let layout = Layout::from_size_align(self.length, PAGE).expect("a layout of pages");
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.host, layout) };
    }
}

/// How a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Delivery status.
    Delivery(u8),
    /// Command status.
    Status(u8),
    /// No answer.
    Timeout,
}

/// A command before it is rung: a test may spoil it.
pub(super) struct Prepared {
    pub(super) entry: hw::CmdQueueEntry,
    pub(super) input: Vec<Memory>,
    pub(super) output: Vec<Memory>,
}

pub(super) struct Driver {
    pub(super) device: Rc<Device>,
    pub(super) function: Function,
    queue: Memory,
    token: Cell<u8>,
    pages: RefCell<Vec<Memory>>,
    pub(super) uar: Cell<u32>,
    pub(super) eqn: Cell<u32>,
    pub(super) eq: Memory,
    pub(super) eq_index: Cell<u32>,
    pub(super) interrupts: Rc<Cell<u32>>,
    /// Keeps mailboxes of unanswered commands.
    parked: RefCell<Vec<Prepared>>,
}

/// log2 of the entries of the driver's event queue.
pub(super) const LOG_EQ: u32 = 7;

impl Driver {
    pub(super) fn new() -> Self {
        Self::with(Config::new("cx", MAC))
    }

    pub(super) fn with(config: Config) -> Self {
        let Slot { device, function } = Slot::new(Config {
            reuse: Slot::reuse_of_seed(),
            ..config
        });
        let interrupts = Rc::new(Cell::new(0));
        let counter = Rc::clone(&interrupts);
        function.connect(0, Some(Rc::new(move || counter.set(counter.get() + 1))));
        Self {
            queue: Memory::new(&function, PAGE),
            eq: Memory::new(&function, 64 << LOG_EQ),
            device,
            function,
            token: Cell::new(0),
            pages: RefCell::default(),
            uar: Cell::new(0),
            eqn: Cell::new(0),
            eq_index: Cell::new(0),
            interrupts,
            parked: RefCell::default(),
        }
    }

    pub(super) fn memory(&self, length: usize) -> Memory {
        Memory::new(&self.function, length)
    }

    // Registers.

    fn pointer(&self, offset: u64) -> *mut u8 {
        self.function
            .map_io(self.function.bar_address(0) + offset, 8)
            .expect("inside BAR0")
    }

    pub(super) fn read(&self, offset: u64) -> u32 {
        // SAFETY: inside the BAR, and aligned.
        u32::from_be(unsafe { self.pointer(offset).cast::<u32>().read_volatile() })
    }

    pub(super) fn write(&self, offset: u64, value: u32) {
        // SAFETY: inside the BAR, and aligned.
        unsafe { self.pointer(offset).cast::<u32>().write_volatile(value.to_be()) };
        pci::drain();
    }

    pub(super) fn write64(&self, offset: u64, value: u64) {
        self.post64(offset, value);
        pci::drain();
    }

    /// The same, but the write stays on its way.
    pub(super) fn post64(&self, offset: u64, value: u64) {
        // SAFETY: inside the BAR, and aligned.
        unsafe { self.pointer(offset).cast::<u64>().write_volatile(value.to_be()) };
    }

    // Commands.

    /// Waits until the device has booted and hands the command queue over (connectx.md section 2).
    pub(super) fn hand_over(&self) {
        self.await_ready();
        self.write(0x10, (self.queue.bus >> 32) as u32);
        self.write(0x14, self.queue.bus as u32);
        self.await_ready();
    }

    pub(super) fn await_ready(&self) {
        while self.read(0x1fc) >> 31 != 0 {
            sim::sleep(2 * sim::MILLISECOND);
        }
    }

    fn mailboxes(&self, length: usize, token: u8) -> Vec<Memory> {
        let blocks = length.saturating_sub(16).div_ceil(512);
        let chain: Vec<_> = (0..blocks).map(|_| self.memory(PAGE)).collect();
        for (number, block) in chain.iter().enumerate() {
            let mut image = hw::CmdIfBox::new();
            let next = chain.get(number + 1).map_or(0, |next| next.bus);
            image
                .set_next_pointer_63_32((next >> 32) as u32)
                .set_next_pointer_31_10((next >> 10) as u32);
            image.set_block_number(number as u32).set_token(u32::from(token));
            block.write(0, image.as_bytes());
        }
        chain
    }

    pub(super) fn prepare(&self, input: &[u8], output: usize) -> Prepared {
        let token = self.token.get() % 255 + 1;
        self.token.set(token);
        let inputs = self.mailboxes(input.len(), token);
        for (block, data) in inputs.iter().zip(input.get(16..).unwrap_or_default().chunks(512)) {
            block.write(0, data);
        }
        let outputs = self.mailboxes(output, token);
        let mut entry = hw::CmdQueueEntry::new();
        let mut inline = [0; 16];
        inline[..input.len().min(16)].copy_from_slice(&input[..input.len().min(16)]);
        entry
            .set_type_(7)
            .set_input_length(input.len() as u32)
            .set_output_length(output as u32);
        entry
            .set_command_input_inline_data(&inline)
            .set_token(u32::from(token))
            .set_ownership(1);
        let first = |chain: &[Memory]| chain.first().map_or(0, |block| block.bus);
        let (input_at, output_at) = (first(&inputs), first(&outputs));
        entry.set_input_mailbox_pointer_63_32((input_at >> 32) as u32);
        entry.set_input_mailbox_pointer_31_9((input_at >> 9) as u32);
        entry.set_output_mailbox_pointer_63_32((output_at >> 32) as u32);
        entry.set_output_mailbox_pointer_31_9((output_at >> 9) as u32);
        Prepared {
            entry,
            input: inputs,
            output: outputs,
        }
    }

    /// Puts the command into `slot` and rings.
    pub(super) fn submit(&self, slot: usize, command: &Prepared) {
        self.queue.write(slot * 64, command.entry.as_bytes());
        self.write(0x18, 1 << slot);
    }

    /// The command in `slot` is answered.
    pub(super) fn is_answered(&self, slot: usize) -> bool {
        self.queue.read::<1>(slot * 64 + 0x3f)[0] & 1 == 0
    }

    /// Waits for the answer of the command in `slot`.
    pub(super) fn collect(&self, slot: usize, command: Prepared) -> Result<Vec<u8>, Failed> {
        let deadline = sim::now() + PATIENCE_NS;
        while !self.is_answered(slot) {
            if sim::now() > deadline {
                self.parked.borrow_mut().push(command);
                return Err(Failed::Timeout);
            }
            sim::sleep(sim::MICROSECOND);
        }
        let delivery = self.queue.read::<1>(slot * 64 + 0x3f)[0] >> 1;
        if delivery != 0 {
            return Err(Failed::Delivery(delivery));
        }
        let mut output = self.queue.read::<16>(slot * 64 + 0x20).to_vec();
        for block in &command.output {
            output.extend(block.read::<512>(0));
        }
        output.truncate(command.entry.output_length() as usize);
        if output[0] == 0 {
            Ok(output)
        } else {
            Err(Failed::Status(output[0]))
        }
    }

    pub(super) fn command(&self, input: &[u8], output: usize) -> Result<Vec<u8>, Failed> {
        let command = self.prepare(input, output);
        self.submit(0, &command);
        self.collect(0, command)
    }

    /// A command of 16 bytes with dwords 2 and 3 as given, and 16 bytes of answer.
    pub(super) fn short(&self, opcode: u16, op_mod: u16, dwords: [u32; 2]) -> Result<Vec<u8>, Failed> {
        self.command(&header(opcode, op_mod, dwords), 16)
    }

    /// An allocation: dword 2 of the answer.
    pub(super) fn allocate(&self, opcode: u16) -> Result<u32, Failed> {
        Ok(dword(&self.short(opcode, 0, [0, 0])?, 8) & 0x00ff_ffff)
    }

    /// What `QUERY_PAGES` says.
    pub(super) fn missing_pages(&self, kind: u16) -> i32 {
        dword(
            &self.short(op::QUERY_PAGES, kind, [0, 0]).expect("QUERY_PAGES"),
            12,
        ) as i32
    }

    /// Gives `count` fresh pages.
    pub(super) fn give(&self, count: u32) {
        let memory = self.memory(count as usize * PAGE);
        let mut input = header(op::MANAGE_PAGES, 1, [0, count]);
        input.extend(memory.pages().iter().flat_map(|page| page.to_be_bytes()));
        self.command(&input, 16).expect("MANAGE_PAGES give");
        self.pages.borrow_mut().push(memory);
    }

    /// Takes up to `count` pages back, and says which.
    pub(super) fn take(&self, count: u32) -> Vec<u64> {
        let out = self
            .command(&header(op::MANAGE_PAGES, 2, [0, count]), 16 + count as usize * 8)
            .expect("take");
        let taken = dword(&out, 8) as usize;
        out[16..16 + taken * 8]
            .chunks(8)
            .map(|entry| u64::from_be_bytes(entry.try_into().expect("8 bytes")))
            .collect()
    }

    /// The host memory that the device has as pages.
    pub(super) fn given(&self) -> std::cell::Ref<'_, Vec<Memory>> {
        self.pages.borrow()
    }

    /// The whole of bring-up up to `INIT_HCA` (connectx.md section 4).
    pub(super) fn bring_up(&self) {
        self.hand_over();
        self.enable();
        self.give(self.missing_pages(2) as u32);
        self.short(op::INIT_HCA, 0, [0, 0]).expect("INIT_HCA");
        self.uar.set(self.allocate(op::ALLOC_UAR).expect("ALLOC_UAR"));
    }

    /// `ENABLE_HCA`, ISSI 1, boot pages.
    pub(super) fn enable(&self) {
        self.short(op::ENABLE_HCA, 0, [0, 0]).expect("ENABLE_HCA");
        self.short(op::SET_ISSI, 0, [1, 0]).expect("SET_ISSI");
        self.give(self.missing_pages(1) as u32);
    }

    // Queues.

    /// `CREATE_EQ` with the driver's memory; `change` may spoil it.
    pub(super) fn create_eq(&self, change: impl FnOnce(&mut hw::CreateEqIn)) -> Result<u32, Failed> {
        for slot in 0..1 << LOG_EQ {
            self.eq.write(slot * 64 + 63, &[1]);
        }
        let mut input = hw::CreateEqIn::new();
        input.set_opcode(u32::from(op::CREATE_EQ));
        let context = input.eq_context_entry_mut();
        context
            .set_log_eq_size(LOG_EQ)
            .set_uar_page(self.uar.get())
            .set_intr(0)
            .set_st(9);
        // All events from 1 on that the device may send.
        input.set_event_bitmask(0, 0x0000_00ff_ffff_fffe);
        change(&mut input);
        let mut input = input.as_bytes().to_vec();
        input.extend(self.eq.pages().iter().flat_map(|page| page.to_be_bytes()));
        Ok(dword(&self.command(&input, 16)?, 8) & 0xff)
    }

    pub(super) fn make_event_queue(&self) {
        self.eqn.set(self.create_eq(|_| ()).expect("CREATE_EQ"));
    }

    /// The next EQE that is there, if any. Does not arm.
    pub(super) fn next_event(&self) -> Option<hw::HwEqe> {
        let index = self.eq_index.get();
        let slot = (index & ((1 << LOG_EQ) - 1)) as usize;
        let mut eqe = hw::HwEqe::new();
        *eqe.as_bytes_mut() = self.eq.read(slot * 64);
        if eqe.owner() != index >> LOG_EQ & 1 {
            return None;
        }
        self.eq_index.set(index + 1);
        Some(eqe)
    }

    /// The next event of that type; others are skipped.
    pub(super) fn next_event_of(&self, kind: u32) -> Option<hw::HwEqe> {
        std::iter::from_fn(|| self.next_event()).find(|eqe| eqe.event_type() == kind)
    }

    /// Reads all events and tells the device so.
    pub(super) fn drain_events(&self, arm: bool) {
        while self.next_event().is_some() {}
        let doorbell = self.eqn.get() << 24 | self.eq_index.get();
        self.write(
            u64::from(self.uar.get()) * 4096 + if arm { 0x40 } else { 0x48 },
            doorbell,
        );
    }
}

/// Header and two dwords.
pub(super) fn header(opcode: u16, op_mod: u16, dwords: [u32; 2]) -> Vec<u8> {
    let words = [u32::from(opcode) << 16, u32::from(op_mod), dwords[0], dwords[1]];
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub(super) fn dword(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}
