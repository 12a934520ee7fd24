//! The device, driven by commands written as a driver writes them.
