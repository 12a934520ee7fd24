//! A pcap file of what passes on links, with virtual nanoseconds as time stamps.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

/// Longest frame that a capture holds.
const SNAP_LENGTH: u32 = 65_535;

/// A capture that is being written. Several links may share one.
pub struct Capture {
    inner: RefCell<Inner>,
}

struct Inner {
    // Gone once the capture is finished.
    writer: Option<PcapWriter<Box<dyn Write>>>,
    // Frames that leave in the virtual future; the file is in the order of time.
    ahead: BinaryHeap<Reverse<(u64, u64, Vec<u8>)>>,
    recorded: u64,
    error: Option<io::Error>,
}

impl Capture {
    /// A capture into a new file.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn to_file(path: &Path) -> io::Result<Rc<Self>> {
        Self::to_writer(Box::new(BufWriter::new(File::create(path)?)))
    }

    /// A capture into anything.
    ///
    /// # Errors
    /// Writing failed.
    pub fn to_writer(writer: Box<dyn Write>) -> io::Result<Rc<Self>> {
        let header = PcapHeader {
            snaplen: SNAP_LENGTH,
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            // Little-endian wherever it is written: one seed, one file.
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        let writer = PcapWriter::with_header(writer, header).map_err(into_io)?;
        let inner = Inner {
            writer: Some(writer),
            ahead: BinaryHeap::new(),
            recorded: 0,
            error: None,
        };
        Ok(Rc::new(Self {
            inner: RefCell::new(inner),
        }))
    }

    /// Notes `now` that `frame` begins to leave at `time`, which is not before.
    pub fn record(&self, now: u64, time: u64, frame: &[u8]) {
        let inner = &mut *self.inner.borrow_mut();
        inner.recorded += 1;
        inner.ahead.push(Reverse((time, inner.recorded, frame.to_vec())));
        // Nothing that comes later can have left before now.
        inner.write_until(now);
    }

    /// Frames recorded so far.
    pub fn recorded(&self) -> u64 {
        self.inner.borrow().recorded
    }

    /// Writes what is left and ends the file; what is recorded afterwards is dropped.
    ///
    /// # Errors
    /// Writing failed, now or before.
    pub fn finish(&self) -> io::Result<()> {
        let inner = &mut *self.inner.borrow_mut();
        inner.write_until(u64::MAX);
        if let Some(error) = inner.error.take() {
            return Err(error);
        }
        inner
            .writer
            .take()
            .map_or(Ok(()), |writer| writer.into_writer().flush())
    }
}

impl Inner {
    fn write_until(&mut self, end: u64) {
        while self.ahead.peek().is_some_and(|Reverse((time, ..))| *time <= end) {
            let Some(Reverse((time, _, frame))) = self.ahead.pop() else {
                return;
            };
            let Some(writer) = &mut self.writer else { continue };
            let packet = PcapPacket::new(Duration::from_nanos(time), frame.len() as u32, &frame);
            if let Err(error) = writer.write_packet(&packet) {
                self.error.get_or_insert_with(|| into_io(error));
            }
        }
    }
}

fn into_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
