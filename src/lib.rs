//! `cxndk.sys`: an NDIS 6 miniport and Network Direct kernel provider for ConnectX adapters.
//!
//! The floors of the house, low to high; a module imports only from lower floors:
//!
//! | module | what lives there |
//! |---|---|
//! | [`sys`] | raw FFI of NDIS, NDKPI and netio, with layout assertions |
//! | [`nt`] | safe wrappers of kernel services |
//! | [`hw`] | the ConnectX device: commands, queues, memory keys |
//! | [`cm`] | RoCE connection management on QP1 |
//! | [`ndk`] | the Network Direct provider |
//! | [`adapter`] | one NIC's NDIS life |
//! | [`driver`] | registration with NDIS, unload |
#![no_std]

// Where there is no WDK, the stand-in has wdk-sys's place under wdk-sys's name.
#[cfg(not(all(windows, not(wdk_standin))))]
extern crate wdk_standin as wdk_sys;

pub mod adapter;
pub mod cm;
pub mod driver;
pub mod hw;
pub mod ndk;
pub mod nt;
pub mod sys;
