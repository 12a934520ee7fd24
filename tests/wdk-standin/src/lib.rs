//! Stand-in for wdk-sys.
