//! The commands of the testbed's command line.

mod call;
mod call_report;
mod conversation;
mod copy;
mod describe;
mod progress;
mod report;
mod run;
mod source;

pub use call::{CallArguments, call};
pub use call_report::CallReport;
pub use copy::{CommandError, CopyArguments, copy};
pub use describe::Traffic;
pub use report::CopyReport;
pub use source::SourceError;
