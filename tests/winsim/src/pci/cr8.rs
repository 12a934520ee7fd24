//! CR8 as kernel code on x64 uses it: there the functions that ask for the IRQL and change it are inline, and the instruction is
//! privileged. A read is answered at once; a write becomes a call of the simulated kernel, since others may run there.

use std::arch::naked_asm;

use iced_x86::{Decoder, DecoderOptions, Mnemonic, OpKind, Register};

use super::trap;
use crate::sim;

/// Steps over an access to CR8 at the instruction pointer; false if there is none. Called in the handler of a general protection
/// fault.
pub(super) fn emulate(registers: &mut [i64]) -> bool {
    let pointer = registers[libc::REG_RIP as usize] as usize;
    // SAFETY: the processor has just decoded the instruction there; no instruction is longer.
    let code = unsafe { std::slice::from_raw_parts(pointer as *const u8, 15) };
    let instruction = Decoder::with_ip(64, code, pointer as u64, DecoderOptions::NONE).decode();
    let registers_only =
        instruction.op0_kind() == OpKind::Register && instruction.op1_kind() == OpKind::Register;
    if instruction.mnemonic() != Mnemonic::Mov || !registers_only {
        return false;
    }
    let next = pointer + instruction.len();
    let (to, from) = (instruction.op0_register(), instruction.op1_register());
    if from == Register::CR8
        && let Some(index) = trap::register_index(to)
    {
        registers[index] = i64::from(sim::irql());
        registers[libc::REG_RIP as usize] = next as i64;
        return true;
    }
    let Some(index) = trap::register_index(from).filter(|_| to == Register::CR8) else {
        return false;
    };
    let value = registers[index] as u64;
    call_written(registers, next, value);
    true
}

/// Lets the interrupted code go on as if it had called [`enter_written`] with the value on its stack.
fn call_written(registers: &mut [i64], next: usize, value: u64) {
    let stack = registers[libc::REG_RSP as usize] as usize - 16;
    // SAFETY: the stack of kernel code, which nothing uses below its pointer.
    unsafe { (stack as *mut [u64; 2]).write_unaligned([value, next as u64]) };
    registers[libc::REG_RSP as usize] = stack as i64;
    registers[libc::REG_RIP as usize] = enter_written as unsafe extern "C" fn() as usize as i64;
}

/// On the stack lie the value and the address to go on at. Keeps every register but the stack pointer, and the flags.
#[unsafe(naked)]
unsafe extern "C" fn enter_written() {
    naked_asm!(
        "pushfq",
        "push rax",
        "push rcx",
        "push rdx",
        "push rbx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "cld",
        "mov rdi, [rsp + 88]",
        "mov rbx, rsp",
        "and rsp, -16",
        "sub rsp, 512",
        "fxsave64 [rsp]",
        "call {written}",
        "fxrstor64 [rsp]",
        "mov rsp, rbx",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rbx",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "popfq",
        "lea rsp, [rsp + 8]",
        "ret",
        written = sym written,
    )
}

extern "C" fn written(value: u64) {
    trap::cr8_handler()(value);
}
