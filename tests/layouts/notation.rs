//! The device structures as `src/hw/layout` writes them down, read from its source.

use std::fs;
use std::path::Path;

/// One structure.
#[derive(Debug)]
pub struct Structure {
    /// Its published name, from the first words of its page.
    pub published: String,
    /// Bytes.
    pub size: u32,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// One field: where it lies, counted in bits from the most significant one of byte 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub offset: u32,
    /// Its length in bits, of all elements together; `None` for a nested structure.
    pub size: Option<u32>,
}

/// All structures of the driver's source.
pub fn structures() -> Vec<Structure> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/hw/layout");
    let files = fs::read_dir(directory).expect("the layouts");
    let mut found = Vec::new();
    for file in files {
        let path = file.expect("a file").path();
        if path.file_name().is_some_and(|name| name == "define.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        found.extend(text.split("\nlayout! {\n").skip(1).map(structure));
    }
    found
}

fn number(text: &str) -> u32 {
    let digits = text.trim().trim_start_matches("0x");
    let radix = if text.trim().starts_with("0x") { 16 } else { 10 };
    u32::from_str_radix(digits, radix).unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn structure(text: &str) -> Structure {
    let published = text.split('`').nth(1).expect("the page names what is published");
    let head = text.split("pub struct ").nth(1).expect("a structure");
    let (head, body) = head.split_once('{').expect("its fields");
    let (_, size) = head.split_once(':').expect("its size");
    let body = body.split("\n    }").next().expect("its end");
    let lines = body.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//") && !line.starts_with("#["));
    Structure {
        published: published.to_owned(),
        size: number(size),
        fields: lines.map(field).collect(),
    }
}

/// `kind name, setter: byte[what];`
fn field(line: &str) -> Field {
    let (kind, rest) = line.split_once(' ').expect("a kind");
    let (names, place) = rest.split_once(':').expect("a place");
    let name = names.split(',').next().expect("a name");
    let (byte, what) = place.split_once('[').expect("brackets");
    let what = what.split(']').next().expect("the end of it");
    let start = number(byte) * 8;
    let (offset, size) = match kind {
        "bits" => {
            let (high, low) = what.split_once(':').expect("bits");
            let (high, low) = (number(high), number(low));
            (start + 31 - high, Some(high - low + 1))
        }
        "qword" => (start, Some(64)),
        "qwords" => (start, Some(64 * number(what))),
        "dwords" => (start, Some(32 * number(what))),
        "bytes" => (start, Some(8 * number(what))),
        "nested" => (start, None),
        other => panic!("a field of kind {other}: {line}"),
    };
    Field {
        // Rust has a keyword of that name.
        name: name.trim_end_matches('_').to_owned(),
        offset,
        size,
    }
}

#[test]
fn lines_are_read_as_they_are_meant() {
    let read = |line| {
        let field = field(line);
        (field.offset, field.size)
    };
    assert_eq!(read("bits a, set_a: 0x0c[28:24];"), (12 * 8 + 3, Some(5)));
    assert_eq!(read("qword a, set_a: 0x10[63:0];"), (128, Some(64)));
    assert_eq!(read("bytes a, set_a: 0x10[16];"), (128, Some(128)));
    assert_eq!(read("nested a, a_mut: 0x10[Qpc];"), (128, None));
}
