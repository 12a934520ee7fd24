//! How far a command is: a bar on a terminal, now and then a line in a log.

use std::io::{self, IsTerminal, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What the bar shows of bytes; it fits 40 columns.
#[allow(
    clippy::literal_string_with_formatting_args,
    reason = "the bar's own placeholders"
)]
const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {eta}";
/// What the bar shows of things.
#[allow(
    clippy::literal_string_with_formatting_args,
    reason = "the bar's own placeholders"
)]
const THINGS: &str = "{msg} {wide_bar} {pos}/{len} {eta}";
/// How often a log gets a line, at most.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Messages of a call.
    Messages,
}

/// How far a command is in its ways, one after the other, each of the same length.
pub(super) struct Progress {
    bar: ProgressBar,
    ways: &'static [&'static str],
    length: u64,
    done: AtomicU64,
    /// When the log got its last line, if there is a log.
    log: Option<Mutex<Instant>>,
}

impl Progress {
    /// To standard error, unless `quiet`.
    pub(super) fn new(unit: Unit, ways: &'static [&'static str], length: u64, quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal && !quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let progress = Self::on(target, unit, ways, length);
        progress.bar.enable_steady_tick(Duration::from_millis(200));
        let log = !terminal && !quiet;
        Self {
            log: log.then(|| Mutex::new(Instant::now())),
            ..progress
        }
    }

    fn on(target: ProgressDrawTarget, unit: Unit, ways: &'static [&'static str], length: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), target);
        let template = match unit {
            Unit::Bytes => BYTES,
            Unit::Messages => THINGS,
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(ways.first().copied().unwrap_or_default());
        Self {
            bar,
            ways,
            length,
            done: AtomicU64::new(0),
            log: None,
        }
    }

    /// So much more is done.
    pub(super) fn add(&self, more: u64) {
        let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        let way = (done.saturating_sub(1) / self.length.max(1)) as usize;
        let position = done - way as u64 * self.length;
        let name = self.ways.get(way).copied().unwrap_or_default();
        if self.bar.message() != name {
            self.bar.set_message(name);
            self.bar.reset_eta();
        }
        self.bar.set_position(position);
        self.log(name, position);
    }

    /// A line in the log, if it is time for one.
    fn log(&self, way: &str, position: u64) {
        let Some(Ok(mut last)) = self.log.as_ref().map(Mutex::lock) else {
            return;
        };
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            let percent = 100 * u128::from(position) / u128::from(self.length.max(1));
            // A log that takes no more loses nothing that matters.
            let _ = writeln!(io::stderr(), "{way}: {percent} %");
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::sync::{Arc, Mutex};

    /// A terminal of 40 columns that keeps what is written.
    #[derive(Clone, Debug, Default)]
    struct Narrow(Arc<Mutex<Vec<String>>>);

    impl TermLike for Narrow {
        fn width(&self) -> u16 {
            40
        }

        fn height(&self) -> u16 {
            24
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The bar's lines after each of `steps`.
    fn shown(unit: Unit, ways: &'static [&'static str], length: u64, steps: &[u64]) -> Vec<String> {
        let terminal = Narrow::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let progress = Progress::on(target, unit, ways, length);
        let mut lines = Vec::new();
        for step in steps {
            progress.add(*step);
            terminal.0.lock().unwrap().clear();
            progress.bar.force_draw();
            lines.push(terminal.0.lock().unwrap().concat().trim_end().to_owned());
        }
        lines
    }

    #[test]
    fn the_bar_fits_40_columns_and_says_the_size_of_the_file() {
        let size = 3 << 30;
        let lines = shown(
            Unit::Bytes,
            &["A to B", "B to A"],
            size,
            &[1 << 30, 2 << 30, 1023 << 20, size],
        );
        for line in &lines {
            assert!(line.chars().count() <= 40, "{line}");
            assert!(line.contains("/3.00 GiB"), "{line}");
        }
        assert!(
            lines[0].starts_with("A to B ") && lines[0].contains(" 1.00 GiB/"),
            "{lines:?}"
        );
        assert!(
            lines[1].starts_with("A to B ") && lines[1].contains(" 3.00 GiB/"),
            "{lines:?}"
        );
        assert!(
            lines[2].starts_with("B to A ") && lines[2].contains(" 1023.00 MiB/"),
            "{lines:?}"
        );
    }

    #[test]
    fn messages_are_counted() {
        let lines = shown(Unit::Messages, &["messages"], 100_000, &[128, 50_000]);
        assert!(lines[0].contains(" 128/100000"), "{lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:?}");
    }
}
