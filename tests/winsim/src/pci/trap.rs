//! The handler of faults: a driver's write to a BAR becomes a queued posted write; any other fault becomes a failure.
//!
//! The handler touches only this thread's fixed tables, and asks the model for a look at memory as it is at the store. The
//! faulting instruction is decoded, its value queued, and the instruction pointer moved past it.

use super::cr8;
use super::crash::{FAULT, Fault};
use super::function;
use crate::sim;
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Once;

/// Most BARs of one run.
const RANGES: usize = 64;
/// Most writes between two kernel calls.
const QUEUE: usize = 1 << 16;
const ALTERNATE_STACK: usize = 64 * 1024;
/// Stack on which a failure is reported: the context's own may be exhausted.
const RESCUE_STACK: usize = 1024 * 1024;

/// `si_code` of a general protection fault, which has no address.
const SI_KERNEL: libc::c_int = 0x80;

/// A write on its way to the model: trap number and length, offset, value, and what the model saw at the store.
type Posted = [u64; 4];

/// This thread's BARs and posted writes, and the stacks of its handler.
pub(super) struct Traps {
    ranges: [Cell<(usize, usize)>; RANGES],
    queue: Vec<Cell<Posted>>,
    head: Cell<usize>,
    tail: Cell<usize>,
    fault: Cell<Option<Fault>>,
    /// Who is told of writes to CR8.
    cr8: Cell<fn(u64)>,
    rescue: Vec<u8>,
    _alternate: Vec<u8>,
}

thread_local! {
    static TRAPS: Cell<*const Traps> = const { Cell::new(std::ptr::null()) };
}

impl Default for Traps {
    fn default() -> Self {
        let alternate = vec![0_u8; ALTERNATE_STACK];
        let stack = libc::stack_t {
            ss_sp: alternate.as_ptr().cast_mut().cast(),
            ss_flags: 0,
            ss_size: ALTERNATE_STACK,
        };
        // SAFETY: the stack stays allocated for as long as it is installed: `drop` takes it out.
        let installed = unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
        assert_eq!(installed, 0, "no alternate signal stack");
        Self {
            ranges: [const { Cell::new((0, 0)) }; RANGES],
            queue: vec![[0; 4]; QUEUE].into_iter().map(Cell::new).collect(),
            head: Cell::new(0),
            tail: Cell::new(0),
            fault: Cell::new(None),
            cr8: Cell::new(|_| {}),
            rescue: vec![0; RESCUE_STACK],
            _alternate: alternate,
        }
    }
}

impl Drop for Traps {
    fn drop(&mut self) {
        TRAPS.set(std::ptr::null());
        let none = libc::stack_t {
            ss_sp: std::ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        // SAFETY: no signal handler runs on this thread now.
        unsafe { libc::sigaltstack(&raw const none, std::ptr::null_mut()) };
    }
}

fn traps() -> Option<&'static Traps> {
    let traps = TRAPS.get();
    // SAFETY: the pointer is cleared when the table goes, at the end of the run.
    (!traps.is_null()).then(|| unsafe { &*traps })
}

/// Makes faults of this run's thread failures of the run, with their history, instead of the death of the process.
/// Called by whatever first needs it; calling it again does nothing.
pub fn watch_faults() {
    install_handler();
    if TRAPS.get().is_null() {
        let traps = sim::local::<Traps>();
        TRAPS.set(Rc::as_ptr(&traps));
        sim::on_switch(drain);
    }
}

/// Has `written` called with what kernel code writes to CR8, in the context that does.
pub fn on_cr8(written: fn(u64)) {
    watch_faults();
    if let Some(traps) = traps() {
        traps.cr8.set(written);
    }
}

/// Whom [`on_cr8`] named.
pub(super) fn cr8_handler() -> fn(u64) {
    traps().map_or(|_| {}, |traps| traps.cr8.get())
}

/// Makes writes to `start..start + size` trap. The number names them in the queue.
pub(super) fn add(start: usize, size: usize) -> u32 {
    watch_faults();
    let traps = traps().expect("the table was just made");
    let free = traps
        .ranges
        .iter()
        .position(|range| range.get().1 == 0)
        .expect("too many BARs");
    traps.ranges[free].set((start, size));
    free as u32
}

/// Ends what [`add`] began.
pub(super) fn remove(trap: u32) {
    if let Some(traps) = traps() {
        traps.ranges[trap as usize].set((0, 0));
    }
}

/// Hands all posted writes to their models, in the order in which the driver made them.
pub fn drain() {
    let Some(traps) = traps() else { return };
    while traps.head.get() != traps.tail.get() {
        let head = traps.head.get();
        let [what, offset, value, seen] = traps.queue[head].get();
        traps.head.set((head + 1) % QUEUE);
        let length = (what & 0xff) as usize;
        function::deliver((what >> 8) as u32, offset, &value.to_le_bytes()[..length], seen);
    }
}

fn install_handler() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // The decoder builds its tables at first use; the handler must not be the first.
        let _ = Decoder::with_ip(64, &[0x90], 0, DecoderOptions::NONE).decode();
        // SAFETY: an all-zero sigaction is a valid one.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_fault as extern "C" fn(_, _, _) as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
            // SAFETY: the handler has the signature that SA_SIGINFO asks for and keeps to its thread's tables.
            let done = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
            assert_eq!(done, 0, "no handler for faults");
        }
        sim::stepping::on_breakpoint(on_fault);
    });
}

extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes a siginfo of a fault.
    let address = unsafe { (*info).si_addr() } as usize;
    // SAFETY: with SA_SIGINFO the third argument is the interrupted context, ours to change.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let Some(traps) = traps() else {
        return give_up(signal, address, context);
    };
    let hit = traps.ranges.iter().position(|range| {
        let (start, size) = range.get();
        address.wrapping_sub(start) < size
    });
    let posted = hit.filter(|_| signal == libc::SIGSEGV).and_then(|trap| {
        let offset = address - traps.ranges[trap].get().0;
        queue_write(traps, trap, offset, &mut context.uc_mcontext.gregs)
    });
    // SAFETY: as above.
    let protection = unsafe { (*info).si_code } == SI_KERNEL;
    if protection && signal == libc::SIGSEGV && cr8::emulate(&mut context.uc_mcontext.gregs) {
        return;
    }
    if posted.is_none() {
        leave(traps, signal, address, context);
    }
}

/// Decodes the write at the instruction pointer, queues it and steps over it. `None` for anything but a plain store.
fn queue_write(traps: &Traps, trap: usize, offset: usize, registers: &mut [i64]) -> Option<()> {
    let pointer = registers[libc::REG_RIP as usize] as usize;
    // SAFETY: the processor has just fetched the instruction from there; 15 bytes is the most that it can have.
    let code = unsafe { std::slice::from_raw_parts(pointer as *const u8, 15) };
    let instruction = Decoder::with_ip(64, code, pointer as u64, DecoderOptions::NONE).decode();
    let length = instruction.memory_size().size();
    if instruction.op0_kind() != OpKind::Memory || !matches!(length, 1 | 2 | 4 | 8) {
        return None;
    }
    let value = stored_value(&instruction, length, registers)?;
    let next = (traps.tail.get() + 1) % QUEUE;
    if next == traps.head.get() {
        return None;
    }
    let seen = function::look(trap as u32, offset as u64, &value.to_le_bytes()[..length]);
    traps.queue[traps.tail.get()].set([(trap as u64) << 8 | length as u64, offset as u64, value, seen]);
    traps.tail.set(next);
    registers[libc::REG_RIP as usize] += instruction.len() as i64;
    Some(())
}

/// What the instruction stores, in the low bytes; `None` for instructions that are not plain stores.
fn stored_value(instruction: &Instruction, length: usize, registers: &[i64]) -> Option<u64> {
    let value = match instruction.op1_kind() {
        OpKind::Register => register_value(instruction.op1_register(), registers)?,
        OpKind::Memory => return None,
        _ => instruction.immediate(1),
    };
    match instruction.mnemonic() {
        Mnemonic::Mov | Mnemonic::Movnti => Some(value),
        Mnemonic::Movbe => Some(value.swap_bytes() >> (64 - 8 * length)),
        _ => None,
    }
}

/// Where a register is among those of an interrupted context.
pub(super) fn register_index(register: Register) -> Option<usize> {
    use iced_x86::Register as R;
    let index = match register.full_register() {
        R::RAX => libc::REG_RAX,
        R::RBX => libc::REG_RBX,
        R::RCX => libc::REG_RCX,
        R::RDX => libc::REG_RDX,
        R::RSI => libc::REG_RSI,
        R::RDI => libc::REG_RDI,
        R::RBP => libc::REG_RBP,
        R::RSP => libc::REG_RSP,
        R::R8 => libc::REG_R8,
        R::R9 => libc::REG_R9,
        R::R10 => libc::REG_R10,
        R::R11 => libc::REG_R11,
        R::R12 => libc::REG_R12,
        R::R13 => libc::REG_R13,
        R::R14 => libc::REG_R14,
        R::R15 => libc::REG_R15,
        _ => return None,
    };
    Some(index as usize)
}

fn register_value(register: Register, registers: &[i64]) -> Option<u64> {
    use iced_x86::Register as R;
    let value = registers[register_index(register)?] as u64;
    let high = matches!(register, R::AH | R::BH | R::CH | R::DH);
    Some(if high { value >> 8 } else { value })
}

/// Lets the interrupted context go on in [`report`], on a stack of its own, instead of at the fault.
fn leave(traps: &Traps, signal: libc::c_int, address: usize, context: &mut libc::ucontext_t) {
    let registers = &mut context.uc_mcontext.gregs;
    if traps.fault.get().is_some() {
        return give_up(signal, address, context);
    }
    let fault = Fault {
        signal,
        address,
        instruction: registers[libc::REG_RIP as usize] as usize,
        stack: registers[libc::REG_RSP as usize] as usize,
    };
    traps.fault.set(Some(fault));
    let top = (traps.rescue.as_ptr() as usize + RESCUE_STACK) & !15;
    // As after a call: the return address lies below a 16-byte boundary.
    registers[libc::REG_RSP as usize] = (top - 8) as i64;
    registers[libc::REG_RIP as usize] = report as extern "C" fn() -> ! as usize as i64;
}

extern "C" fn report() -> ! {
    let traps = traps().expect("only a watched thread comes here");
    let fault = traps.fault.get().expect("a fault that was left");
    let bar = traps
        .ranges
        .iter()
        .any(|range| fault.address.wrapping_sub(range.get().0) < range.get().1);
    sim::fail(FAULT, fault.describe(bar));
}

/// Restores the default action, which then meets the same fault.
fn give_up(signal: libc::c_int, address: usize, context: &libc::ucontext_t) {
    let mut text = *b"fault at 0x0000000000000000, instruction at 0x0000000000000000, outside every BAR\n";
    hex(&mut text[11..27], address);
    hex(
        &mut text[46..62],
        context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize,
    );
    say(&text);
    // SAFETY: the default action needs no handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

fn hex(place: &mut [u8], value: usize) {
    for (index, digit) in place.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(value >> (4 * index)) & 15];
    }
}

fn say(text: &[u8]) {
    // SAFETY: write is safe in a signal handler, and the text is ours.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}
