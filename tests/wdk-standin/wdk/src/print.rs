//! Output to the debugger, by `DbgPrint`, which takes 512 bytes at once.

use core::fmt::{self, Write};

use wdk_standin::ntddk;

/// What `DbgPrint` takes at once, in bytes, the final NUL among them.
const PIECE: usize = 512;

/// Prints to the debugger. At any IRQL up to that of a device.
#[macro_export]
macro_rules! print {
    ($($arguments:tt)*) => {
        $crate::_print(format_args!($($arguments)*))
    };
}

/// Prints a line to the debugger. At any IRQL up to that of a device.
#[macro_export]
macro_rules! println {
    () => {
        $crate::print!("\n")
    };
    ($($arguments:tt)*) => {
        $crate::print!("{}\n", format_args!($($arguments)*))
    };
}

/// What the macros call.
#[doc(hidden)]
pub fn _print(args: fmt::Arguments<'_>) {
    let mut pieces = Pieces {
        bytes: [0; PIECE],
        used: 0,
    };
    // An argument that cannot format itself ends the text early; there is nobody to tell.
    let _ = pieces.write_fmt(args);
    pieces.print();
}

/// Text on its way to the debugger; behind its `used` bytes there is a NUL.
struct Pieces {
    bytes: [u8; PIECE],
    used: usize,
}

impl Pieces {
    fn print(&mut self) {
        if self.used != 0 {
            // SAFETY: a format for one text, and a text; both end in NUL.
            unsafe { ntddk::DbgPrint(c"%s".as_ptr(), self.bytes.as_ptr()) };
            self.bytes = [0; PIECE];
            self.used = 0;
        }
    }
}

impl Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(place) = self.bytes[..PIECE - 1].get_mut(self.used) {
                *place = byte;
                self.used += 1;
            }
            if self.used == PIECE - 1 {
                self.print();
            }
        }
        Ok(())
    }
}
