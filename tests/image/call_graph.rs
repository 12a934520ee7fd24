//! Which code leads to which: calls, jumps and addresses taken, instruction by instruction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};

use crate::file::Image;
use crate::functions::{Function, Functions};
use crate::imports::import_slots;

/// What one function's code does that leads elsewhere.
#[derive(Default)]
pub struct Leads {
    /// Functions that it calls, jumps to, or takes the address of.
    pub functions: BTreeSet<u32>,
    /// Imports that it calls, by name.
    pub imports: BTreeSet<String>,
    /// Where it calls through a pointer that is no import.
    pub indirect: Vec<u32>,
    /// Where it raises an exception by an instruction.
    pub traps: Vec<u32>,
}

/// The graph of the whole image.
pub struct CallGraph(BTreeMap<u32, Leads>);

impl CallGraph {
    /// Decodes every function.
    pub fn of(image: &Image, functions: &Functions) -> Self {
        let slots = import_slots(image);
        let graph = functions
            .all()
            .map(|function| {
                let mut leads = Leads::default();
                let code = instructions(image, function);
                for (index, instruction) in code.iter().enumerate() {
                    leads.note(instruction, function, functions, &slots);
                    if calls_through_pointer(instruction, &code[index.saturating_sub(4)..index], &slots) {
                        leads.indirect.push(instruction.ip() as u32);
                    }
                }
                (function.start, leads)
            })
            .collect();
        Self(graph)
    }

    /// What the function that starts at `start` does.
    pub fn leads(&self, start: u32) -> &Leads {
        &self.0[&start]
    }

    /// The functions that the function at `start` leads to.
    pub fn leads_to(&self, start: u32) -> impl Iterator<Item = u32> {
        self.leads(start).functions.iter().copied()
    }

    /// Every function that `start` leads to, each with the one that it is reached from; what only `without` lead to is left
    /// out.
    pub fn reached_from(&self, start: u32, without: &[u32]) -> BTreeMap<u32, u32> {
        let mut from = BTreeMap::from([(start, start)]);
        let mut queue = VecDeque::from([start]);
        while let Some(function) = queue.pop_front() {
            if without.contains(&function) {
                continue;
            }
            for target in self.leads_to(function) {
                from.entry(target).or_insert_with(|| {
                    queue.push_back(target);
                    function
                });
            }
        }
        from
    }
}

impl Leads {
    fn note(
        &mut self,
        instruction: &Instruction,
        function: &Function,
        functions: &Functions,
        slots: &BTreeMap<u32, String>,
    ) {
        let here = instruction.ip() as u32;
        if traps(instruction) {
            self.traps.push(here);
        }
        for target in targets(instruction) {
            if let Some(name) = slots.get(&target) {
                self.imports.insert(name.clone());
            } else if let Some(found) = functions.holding(target)
                && found.start != function.start
            {
                self.functions.insert(found.start);
            }
        }
    }
}

/// Whether control goes where a pointer says, imports and `match` excepted: the compiler adds an entry of a table to the
/// table's address and jumps there, within the function.
fn calls_through_pointer(
    instruction: &Instruction,
    before: &[Instruction],
    slots: &BTreeMap<u32, String>,
) -> bool {
    let import = instruction.is_ip_rel_memory_operand()
        && slots.contains_key(&(instruction.ip_rel_memory_address() as u32));
    let table = before.iter().any(|before| {
        before.mnemonic() == Mnemonic::Add
            && instruction.op0_kind() == OpKind::Register
            && before.op0_register() == instruction.op0_register()
    });
    match instruction.flow_control() {
        FlowControl::IndirectCall => !import,
        FlowControl::IndirectBranch => !import && !table,
        _ => false,
    }
}

fn traps(instruction: &Instruction) -> bool {
    matches!(
        instruction.mnemonic(),
        Mnemonic::Ud0 | Mnemonic::Ud1 | Mnemonic::Ud2 | Mnemonic::Int | Mnemonic::Int1
    ) || (instruction.mnemonic() == Mnemonic::Int3)
}

/// Addresses that an instruction's operands name.
fn targets(instruction: &Instruction) -> Vec<u32> {
    let mut found = Vec::new();
    if matches!(instruction.op0_kind(), OpKind::NearBranch64) {
        found.push(instruction.near_branch_target() as u32);
    }
    if instruction.is_ip_rel_memory_operand() {
        found.push(instruction.ip_rel_memory_address() as u32);
    }
    found
}

/// The instructions of a function, with relative virtual addresses.
pub fn instructions(image: &Image, function: &Function) -> Vec<Instruction> {
    let code = image.at(function.start, (function.end - function.start) as usize);
    let mut decoder = Decoder::with_ip(64, code, u64::from(function.start), DecoderOptions::NONE);
    let mut list = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        assert!(
            !instruction.is_invalid(),
            "{}: no instruction at {:#x} of {}",
            image.path.display(),
            instruction.ip(),
            function.name
        );
        list.push(instruction);
    }
    list
}
