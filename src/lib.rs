//! `cxndk.sys`: an NDIS 6 miniport and Network Direct kernel provider for ConnectX adapters.
//!
//! The floors of the house, low to high; a module imports only from lower floors:
//!
//! | module | what lives there |
//! |---|---|
//! | [`sys`] | raw FFI of NDIS, CoNDIS, NDKPI and netio, with layout assertions |
//! | [`nt`] | safe wrappers of kernel services |
//! | [`hw`] | the ConnectX device: commands, queues, memory keys |
//! | [`ether`] | the Ethernet data path |
//! | [`cm`] | RoCE connection management on QP1 |
//! | [`ndk`] | the Network Direct provider |
//! | [`co`] | the CoNDIS call manager |
//! | [`adapter`] | one NIC's NDIS life |
//! | [`driver`] | registration with NDIS, unload |
#![no_std]

// Where there is no WDK, the stand-ins have the places of wdk-sys and wdk under their names.
#[cfg(not(all(windows, not(wdk_standin))))]
extern crate wdk_standin as wdk_sys;
#[cfg(not(all(windows, not(wdk_standin))))]
extern crate wdk_standin_wdk as wdk;

// What a kernel image needs and a host's standard library has elsewhere; the stand-in brings its own.
#[cfg(all(windows, not(wdk_standin)))]
extern crate wdk_panic;

pub mod adapter;
pub mod cm;
pub mod co;
pub mod driver;
pub mod ether;
pub mod hw;
pub mod ndk;
pub mod nt;
pub mod sys;
