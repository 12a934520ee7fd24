//! The commands of the testbed's command line.

mod copy;
mod report;
mod source;

pub use copy::{CopyArguments, copy};
pub use report::CopyReport;
pub use source::SourceError;
