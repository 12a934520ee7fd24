//! What the driver's image file must be: checked on the file that `CXNDK_DRIVER` names, as `scripts/build-sys` makes it.

mod call_graph;
mod file;
mod functions;
mod headers;
mod imports;
mod instructions;
mod panic_free;
mod sections;
mod symbols;
mod version;
