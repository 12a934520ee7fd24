//! Which module an address belongs to, so that reports say `cxndk.sys+0x1234 (function)`.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::memory::Mapping;
use super::symbols::Symbols;
use crate::pci::CodeNames;
use crate::sim;

/// How much of a stack is searched for return addresses, in words.
const SEARCHED: usize = 512;
/// How many of them are shown.
const SHOWN: usize = 12;

/// An image that was loaded in this run.
pub(super) struct Module {
    pub(super) path: PathBuf,
    pub(super) mapping: Mapping,
    pub(super) unloaded: Cell<bool>,
    symbols: OnceCell<Option<Symbols>>,
}

/// All of them.
#[derive(Default)]
struct Modules(RefCell<Vec<Rc<Module>>>);

pub(super) fn add(path: &Path, mapping: Mapping) -> Rc<Module> {
    let module = Rc::new(Module {
        path: path.to_owned(),
        mapping,
        unloaded: Cell::new(false),
        symbols: OnceCell::new(),
    });
    sim::local::<Modules>().0.borrow_mut().push(Rc::clone(&module));
    module
}

fn holding(address: usize) -> Option<Rc<Module>> {
    let modules = sim::local::<Modules>();
    let list = modules.0.borrow();
    list.iter()
        .find(|module| address.wrapping_sub(module.mapping.base()) < module.mapping.size())
        .cloned()
}

/// How a crash names what it finds of images.
pub const NAMES: CodeNames = CodeNames {
    place: describe,
    callers: return_addresses,
};

/// Whether the address lies in an image that is loaded.
pub fn is_loaded(address: usize) -> bool {
    holding(address).is_some_and(|module| !module.unloaded.get())
}

/// `module+offset (function, file:line)` for an address in an image, or nothing.
pub fn describe(address: usize) -> Option<String> {
    let module = holding(address)?;
    let offset = address - module.mapping.base();
    let file = module
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let symbols = module.symbols.get_or_init(|| Symbols::beside(&module.path));
    let function = symbols
        .as_ref()
        .and_then(|symbols| symbols.function(offset as u32));
    let mut text = format!("{file}+{offset:#x}");
    if let Some(function) = function {
        text.extend([" (", &function, ")"]);
    }
    if module.unloaded.get() {
        text += ", which is unloaded";
    }
    Some(text)
}

/// The addresses in images that a stack holds above `pointer`: those who called, and some that only look like it.
///
/// # Safety
/// `pointer` is the stack pointer of a context, whose stack is mapped for `SEARCHED` words or up to its top `limit`.
pub unsafe fn return_addresses(pointer: usize, limit: usize) -> Vec<String> {
    let words = (limit.saturating_sub(pointer) / 8).min(SEARCHED);
    (0..words)
        .map(|index| {
            let place = pointer + index * 8;
            // SAFETY: the caller promises that the words up to `limit` are there.
            let word = unsafe { (place as *const usize).read() };
            sim::true_return_address(word, place)
        })
        .filter_map(describe)
        .take(SHOWN)
        .collect()
}
