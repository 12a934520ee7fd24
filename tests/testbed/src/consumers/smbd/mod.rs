//! SMB Direct (MS-SMBD, version 1.0).

pub mod message;
