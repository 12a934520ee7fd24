//! Configures the WDK build of the driver on a Windows host; gives every Windows image its version resource.

#[path = "build/version_resource.rs"]
mod version_resource;

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/version_resource.rs");
    println!("cargo::rustc-check-cfg=cfg(wdk_standin)");
    if env::var("CARGO_CFG_TARGET_OS")? == "windows" {
        link_version_resource()?;
    }
    configure_wdk()
}

/// Both link.exe and lld-link take a compiled resource among their inputs.
fn link_version_resource() -> Result<(), Box<dyn Error>> {
    let part = |name: &str| -> Result<u16, Box<dyn Error>> { Ok(env::var(name)?.parse()?) };
    let version = [
        part("CARGO_PKG_VERSION_MAJOR")?,
        part("CARGO_PKG_VERSION_MINOR")?,
        part("CARGO_PKG_VERSION_PATCH")?,
        0,
    ];
    let path = PathBuf::from(env::var("OUT_DIR")?).join("version.res");
    let description = env::var("CARGO_PKG_DESCRIPTION")?;
    fs::write(&path, version_resource::compile(version, "cxndk", &description))?;
    println!("cargo::rustc-link-arg-cdylib={}", path.display());
    Ok(())
}

#[cfg(windows)]
fn configure_wdk() -> Result<(), Box<dyn Error>> {
    if env::var_os("CARGO_CFG_WDK_STANDIN").is_some() {
        return Ok(());
    }
    Ok(wdk_build::configure_wdk_binary_build()?)
}

#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "a Windows host has something to fail at")]
fn configure_wdk() -> Result<(), Box<dyn Error>> {
    Ok(())
}
