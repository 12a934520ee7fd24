//! netio tests.
