//! The command line of the testbed.

#[cfg(not(windows))]
mod command;

#[cfg(not(windows))]
fn main() -> std::process::ExitCode {
    command::run()
}

#[cfg(windows)]
fn main() {
    eprintln!("The testbed runs on x86-64 Linux.");
    std::process::exit(1);
}
