//! The CoNDIS call manager: virtual circuits that are reliable connections.
//!
//! | module | what lives there |
//! |---|---|
//! | [`format`] | what clients write into SAPs and call parameters |
//!
//! Rules named like CLOSE-08 are those of the project's CoNDIS reference.

pub mod format;
