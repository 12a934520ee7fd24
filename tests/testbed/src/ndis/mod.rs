//! Simulated ndis.sys: what a miniport imports, and what NDIS does with a miniport.
//!
//! Driving a driver (all of it from a context of [`crate::sim`]; calls switch to the host's processors at `PASSIVE_LEVEL`):
//!
//! ```text
//! let inf = inf::Inf::parse(ndis::CXNDK_INF)?;
//! let driver  = ndis::Driver::load(host, driver_entry)?;            // DriverEntry; NDIS_STATUS on failure
//! let adapter = driver.add_device(ndis::Device { function, hardware_id, inf: &inf, registry })?; // AddDevice, filter
//! adapter.initialize()?;                                            // MiniportInitializeEx: Halted -> Paused
//! adapter.restart()?;                                               // PnP event, MiniportRestart, start-up OIDs: -> Running
//! adapter.start()?;                                                 // both of the above
//! adapter.query(oid, &mut buffer)?; adapter.set(oid, &mut bytes)?; adapter.direct_query(oid, &mut buffer)?;
//! adapter.pause(); adapter.halt(action); adapter.stop();            // stop = pause, halt(NdisHaltDeviceStopped)
//! adapter.surprise_remove(); adapter.shutdown(action);
//! adapter.event_log(); adapter.indications(); adapter.state();
//! adapter.ndk_events(callback);                                     // what NetEventNDKEnable/Disable tell a consumer
//! let ndk = adapter.open_ndk(major, minor)?;                        // through the NDK verifier
//! ndk.as_ptr() -> *mut NDK_ADAPTER; ndk.close();                    // blocks, PASSIVE
//! driver.unload();                                                  // every leak of the driver is a violation
//! ndis::ndk::counts() -> { inline, pended, completed, callbacks }   // closes, for the report
//! ```

pub mod inf;
pub mod registry;
