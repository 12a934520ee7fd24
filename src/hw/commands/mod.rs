//! One type per command of the device that the driver uses.

pub mod counter;
pub mod ether_queue;
pub mod ether_target;
pub mod hca;
pub mod mkey;
pub mod qp;
pub mod queue;
pub mod register;
pub mod resource;
pub mod steering;
pub mod vport;

use super::{command::Source, error::Lie};

/// The 16-byte output of commands that return nothing.
const ACK: usize = 16;

/// The head of an output, as the layout `$layout`.
macro_rules! output {
    ($source:expr, $layout:ident) => {{
        let mut output = $layout::new();
        $crate::hw::command::Source::read($source, 0, output.as_bytes_mut());
        output
    }};
}

/// A command with a fixed input and a fixed output.
macro_rules! command {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }
        $opcode:ident, $input:ident as |$this:ident, $in:ident| $fill:block
    ) => {
        $crate::hw::commands::command! {
            $(#[$meta])*
            pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
            $opcode, $input as |$this, $in| $fill, Ack -> () as |_out| { Ok(()) }
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }
        $opcode:ident, $input:ident as |$this:ident, $in:ident| $fill:block,
        $output:ident -> $result:ty as |$out:ident| $decode:block
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl $crate::hw::command::Command for $name {
            const OPCODE: u16 = $crate::hw::layout::opcode::$opcode;
            type Out = $result;

            fn input_length(&self) -> usize {
                $input::SIZE
            }

            fn output_length(&self) -> usize {
                $crate::hw::commands::output_length!($output)
            }

            fn encode(&self, input: &mut dyn $crate::hw::command::Sink) {
                let $this = self;
                let mut head = $input::new();
                head.set_opcode(u32::from(Self::OPCODE));
                {
                    let $in = &mut head;
                    $fill
                }
                $crate::hw::command::Sink::put(input, head.as_bytes());
            }

            fn decode(&self, output: &dyn $crate::hw::command::Source) -> Result<$result, $crate::hw::error::Lie> {
                let $out = $crate::hw::commands::read_output!(output, $output);
                $decode
            }
        }
    };
}

/// Bytes of an output layout; `Ack` is the empty one.
macro_rules! output_length {
    (Ack) => {
        $crate::hw::commands::ACK
    };
    ($output:ident) => {
        $output::SIZE
    };
}

/// An output layout; `Ack` is the empty one.
macro_rules! read_output {
    ($source:ident, Ack) => {{
        let _ = $source;
    }};
    ($source:ident, $output:ident) => {
        $crate::hw::commands::output!($source, $output)
    };
}

use {command, output, output_length, read_output};

/// Appends the addresses of pages.
fn put_pages(input: &mut dyn super::command::Sink, pages: impl Iterator<Item = u64>) {
    for page in pages {
        input.put(&page.to_be_bytes());
    }
}

/// A big-endian 64-bit number of an output.
fn be64(output: &dyn Source, offset: usize) -> u64 {
    let mut bytes = [0; 8];
    output.read(offset, &mut bytes);
    u64::from_be_bytes(bytes)
}

/// Object numbers are never 0 for `what`.
const fn not_zero(number: u32, what: &'static str) -> Result<u32, Lie> {
    if number == 0 {
        Err(Lie::Capability(what))
    } else {
        Ok(number)
    }
}
