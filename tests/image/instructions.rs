//! Instructions that a kernel driver on x64 may not use, or only as the calling convention allows.

use std::collections::BTreeSet;

use iced_x86::{CpuidFeature, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, Register};

use crate::call_graph::instructions;
use crate::file::{Image, image};
use crate::functions::{Function, Functions};

/// Of a function's unwind codes: `UWOP_SAVE_XMM128` and its far form.
const SAVES_XMM: [u8; 2] = [8, 9];

/// Every instruction of the image, each with its function.
fn each(image: &Image, mut see: impl FnMut(&Function, &Instruction)) {
    let functions = Functions::of(image);
    let mut seen = 0;
    for function in functions.all() {
        for instruction in instructions(image, function) {
            see(function, &instruction);
            seen += 1;
        }
    }
    assert!(seen > 10_000, "only {seen} instructions were found");
}

/// (Processors without BMI1 execute TZCNT as BSF, which is the same for every operand but 0, and LLVM relies on no more.)
///
/// The kernel saves the state of x87, MMX and AVX only for who asks by `KeSaveExtendedProcessorState`; the driver does not ask.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn no_state_is_used_that_the_kernel_does_not_keep() {
    let image = image();
    each(image, |function, instruction| {
        for feature in instruction.cpuid_features() {
            let plain = matches!(
                feature,
                CpuidFeature::INTEL8086
                    | CpuidFeature::INTEL8086_ONLY
                    | CpuidFeature::INTEL186
                    | CpuidFeature::INTEL286
                    | CpuidFeature::INTEL386
                    | CpuidFeature::INTEL486
                    | CpuidFeature::X64
                    | CpuidFeature::CMOV
                    | CpuidFeature::CX8
                    | CpuidFeature::CMPXCHG16B
                    | CpuidFeature::SSE
                    | CpuidFeature::SSE2
                    | CpuidFeature::MULTIBYTENOP
                    | CpuidFeature::PAUSE
            ) || instruction.mnemonic() == Mnemonic::Tzcnt;
            assert!(plain, "{} ({feature:?}) in {}", shown(instruction), function.name);
        }
        for register in used(instruction) {
            assert!(
                !register.is_mm() && !register.is_st(),
                "{} in {}",
                shown(instruction),
                function.name
            );
        }
    });
}

/// SSE moves and compares whole registers here; the rounding mode and its exceptions belong to whoever was interrupted.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn no_floating_point_arithmetic_is_done() {
    let image = image();
    each(image, |function, instruction| {
        let name = format!("{:?}", instruction.mnemonic()).to_lowercase();
        let suffix = ["ss", "sd", "ps", "pd"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
        let arithmetic = [
            "add", "sub", "mul", "div", "sqrt", "min", "max", "cmp", "comi", "ucomi", "rcp", "rsqrt",
        ]
        .iter()
        .any(|stem| name.starts_with(stem));
        let touches_xmm = used(instruction).iter().any(|register| register.is_xmm());
        let refused =
            touches_xmm && suffix && arithmetic || name.starts_with("cvt") || name.contains("mxcsr");
        assert!(!refused, "{} in {}", shown(instruction), function.name);
    });
}

/// The convention: XMM6 to XMM15 are the caller's; a function that changes one says so in its unwind information.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn callers_xmm_registers_are_saved() {
    let image = image();
    let functions = Functions::of(image);
    let mut checked = 0;
    for function in functions.all() {
        let written = written_callers_registers(image, function);
        if written.is_empty() {
            continue;
        }
        let saved = function
            .unwind
            .map(|unwind| saved_registers(image, unwind))
            .unwrap_or_default();
        assert!(
            written.is_subset(&saved),
            "{}: {written:?} written, {saved:?} saved",
            function.name
        );
        checked += 1;
    }
    eprintln!("{checked} functions use XMM registers of their callers");
}

/// Interrupts are the kernel's; IRQL changes by its functions alone.
#[test]
#[ignore = "checks a built image: scripts/test-sys"]
fn interrupts_and_control_registers_are_left_alone() {
    let image = image();
    each(image, |function, instruction| {
        let privileged = instruction.is_privileged()
            || matches!(
                instruction.mnemonic(),
                Mnemonic::Cli | Mnemonic::Sti | Mnemonic::Syscall | Mnemonic::Int1
            );
        assert!(!privileged, "{} in {}", shown(instruction), function.name);
    });
}

fn shown(instruction: &Instruction) -> String {
    format!("{:?} at {:#x}", instruction.mnemonic(), instruction.ip())
}

fn used(instruction: &Instruction) -> Vec<Register> {
    InstructionInfoFactory::new()
        .info(instruction)
        .used_registers()
        .iter()
        .map(iced_x86::UsedRegister::register)
        .collect()
}

fn written_callers_registers(image: &Image, function: &Function) -> BTreeSet<u8> {
    let mut factory = InstructionInfoFactory::new();
    let mut written = BTreeSet::new();
    for instruction in instructions(image, function) {
        for used in factory.info(&instruction).used_registers() {
            let register = used.register();
            let changes = !matches!(
                used.access(),
                OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess
            );
            if register.is_xmm() && register.number() >= 6 && changes {
                written.insert(register.number() as u8);
            }
        }
    }
    written
}

/// The XMM registers that a function's unwind codes, and those of the parts that it is chained to, restore.
fn saved_registers(image: &Image, unwind: u32) -> BTreeSet<u8> {
    const CHAINED: u8 = 4;
    let header = image.at(unwind, 4);
    let (flags, count) = (header[0] >> 3, header[2]);
    let mut saved = BTreeSet::new();
    let codes = image.at(unwind + 4, usize::from(count) * 2);
    let mut index = 0;
    while index < usize::from(count) {
        let (operation, info) = (codes[index * 2 + 1] & 15, codes[index * 2 + 1] >> 4);
        if SAVES_XMM.contains(&operation) {
            saved.insert(info);
        }
        index += slots(operation, info);
    }
    if flags & CHAINED != 0 {
        let chained = unwind + 4 + u32::from(count).next_multiple_of(2) * 2;
        saved.extend(saved_registers(image, image.u32_at(chained + 8)));
    }
    saved
}

/// How many slots an unwind code takes.
fn slots(operation: u8, info: u8) -> usize {
    match (operation, info) {
        (1, 0) | (4 | 8, _) => 2,
        (1 | 5 | 9, _) => 3,
        _ => 1,
    }
}
