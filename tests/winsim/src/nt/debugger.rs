//! What drivers print to the debugger.

use super::context::{Level, enter, host};
use crate::sim::{self, HostId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CStr;
use wdk_standin::{PCSTR, ULONG};

/// Rule id of output that the debugger cannot take.
const DEBUGGER: &str = "DEBUGGER";

/// What the drivers of each host have printed.
#[derive(Default)]
struct Output(RefCell<BTreeMap<HostId, String>>);

/// What the drivers of a host have printed so far.
pub fn debugger_output(host: HostId) -> String {
    let output = sim::local::<Output>();
    let output = output.0.borrow();
    output.get(&host).cloned().unwrap_or_default()
}

/// `DbgPrint`, at any IRQL. The header declares it variadic; here it takes what is printed with `%s`, 511 bytes at most.
///
/// # Safety
/// Both are texts that end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn DbgPrint(format: PCSTR, text: PCSTR) -> ULONG {
    enter("DbgPrint", Level::Any);
    // SAFETY: a text, as the caller says.
    let format = unsafe { CStr::from_ptr(format) };
    if format != c"%s" {
        sim::fail(DEBUGGER, format!("DbgPrint with the format {format:?}"));
    }
    // SAFETY: as above.
    let text = unsafe { CStr::from_ptr(text) };
    if text.count_bytes() >= 512 {
        sim::fail(DEBUGGER, format!("DbgPrint with {} bytes", text.count_bytes()));
    }
    let text = text.to_string_lossy();
    sim::note(format!("debugger: {}", text.trim_end()));
    let output = sim::local::<Output>();
    output.0.borrow_mut().entry(host()).or_default().push_str(&text);
    0
}
