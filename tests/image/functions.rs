//! The functions of the image: bounds from the exception directory, names and leaf functions from the symbols.

use std::collections::BTreeMap;
use std::fs::File;

use object::pe;
use pdb2::{FallibleIterator, PDB, SymbolData};

use crate::file::Image;

/// One function, or one chained part of it.
#[derive(Clone, Debug)]
pub struct Function {
    /// Relative virtual address of its first instruction.
    pub start: u32,
    /// Of the first byte after it.
    pub end: u32,
    /// Its name, as the symbols have it.
    pub name: String,
    /// Address of its unwind information; a leaf has none.
    pub unwind: Option<u32>,
}

/// All functions, by address.
pub struct Functions(BTreeMap<u32, Function>);

impl Functions {
    /// Reads exception directory and symbols.
    pub fn of(image: &Image) -> Self {
        let mut functions = BTreeMap::new();
        let (table, size) = image
            .directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION)
            .expect("an exception directory");
        for entry in (table..table + size).step_by(12) {
            let start = image.u32_at(entry);
            let function = Function {
                start,
                end: image.u32_at(entry + 4),
                name: format!("unnamed {start:#x}"),
                unwind: Some(image.u32_at(entry + 8)),
            };
            functions.insert(start, function);
        }
        let mut all = Self(functions);
        all.name(image);
        all
    }

    fn name(&mut self, image: &Image) {
        let file = File::open(image.path.with_extension("pdb")).expect("the symbols beside the image");
        let mut pdb = PDB::open(file).expect("a PDB");
        let addresses = pdb.address_map().expect("an address map");
        let debug = pdb.debug_information().expect("debug information");
        let mut modules = debug.modules().expect("modules");
        while let Some(module) = modules.next().unwrap() {
            let Some(information) = pdb.module_info(&module).unwrap() else {
                continue;
            };
            let mut symbols = information.symbols().unwrap();
            while let Some(symbol) = symbols.next().unwrap() {
                if let Ok(SymbolData::Procedure(procedure)) = symbol.parse()
                    && let Some(address) = procedure.offset.to_rva(&addresses)
                {
                    self.procedure(address.0, procedure.len, procedure.name.to_string().into_owned());
                }
            }
        }
    }

    fn procedure(&mut self, start: u32, length: u32, name: String) {
        let leaf = Function {
            start,
            end: start + length,
            name: name.clone(),
            unwind: None,
        };
        self.0.entry(start).or_insert(leaf).name = name;
    }

    /// Every function, in the order of addresses.
    pub fn all(&self) -> impl Iterator<Item = &Function> {
        self.0.values()
    }

    /// The function that holds `address`.
    pub fn holding(&self, address: u32) -> Option<&Function> {
        let (_, function) = self.0.range(..=address).next_back()?;
        (address < function.end).then_some(function)
    }

    /// The functions whose name ends with `path`, at a boundary of the path.
    pub fn named(&self, path: &str) -> Vec<&Function> {
        self.all()
            .filter(|function| function.name == path || function.name.ends_with(&format!("::{path}")))
            .collect()
    }
}
