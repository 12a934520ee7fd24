//! Small images made by hand: a header, code, an import table, relocations; each part can be made wrong.

/// Where code begins.
pub const CODE: u32 = 0x1000;
/// Where the import tables begin, and the first slot of the address table.
const DATA: u32 = 0x2000;
/// Offset of the address table in the data.
const SLOTS: u32 = 0x200;
const RELOCATIONS: u32 = 0x3000;
/// The preferred base.
pub const BASE: u64 = 0x1_8000_0000;
const NT: usize = 0x80;

/// What goes into an image.
#[derive(Clone)]
pub struct Parts {
    pub machine: u16,
    pub magic: u16,
    pub characteristics: u16,
    pub subsystem: u16,
    pub code: Vec<u8>,
    pub code_flags: u32,
    /// Imports of one module.
    pub module: &'static str,
    pub names: Vec<&'static str>,
    /// Import by number instead.
    pub ordinal: bool,
    /// A place to relocate and the kind of relocation.
    pub relocation: Option<(u32, u16)>,
    pub code_address: u32,
    pub entry: u32,
    pub right_checksum: bool,
}

impl Default for Parts {
    /// An image whose DriverEntry returns success.
    fn default() -> Self {
        Self {
            machine: 0x8664,
            magic: 0x20b,
            characteristics: 0x22,
            subsystem: 1,
            code: vec![0x31, 0xc0, 0xc3],
            code_flags: 0x6000_0020,
            module: "ntoskrnl.exe",
            names: Vec::new(),
            ordinal: false,
            relocation: None,
            code_address: CODE,
            entry: CODE,
            right_checksum: true,
        }
    }
}

/// The address of the `index`th import's slot, relative to the base.
pub const fn slot(index: u32) -> u32 {
    DATA + SLOTS + 8 * index
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

impl Parts {
    /// The image's file.
    pub fn build(&self) -> Vec<u8> {
        let mut file = vec![0; 0xc00];
        self.headers(&mut file);
        put(&mut file, 0x400, &self.code);
        put(&mut file, 0x600, &self.data());
        put(&mut file, 0xa00, &self.relocations());
        if self.right_checksum {
            let sum = super::super::file::checksum(&file).expect("whole headers");
            put(&mut file, NT + 24 + 64, &sum.to_le_bytes());
        }
        file
    }

    fn headers(&self, file: &mut [u8]) {
        put(file, 0, b"MZ");
        put(file, 0x3c, &(NT as u32).to_le_bytes());
        put(file, NT, b"PE\0\0");
        put(file, NT + 4, &self.machine.to_le_bytes());
        put(file, NT + 6, &3_u16.to_le_bytes());
        put(file, NT + 20, &240_u16.to_le_bytes());
        put(file, NT + 22, &self.characteristics.to_le_bytes());
        let optional = NT + 24;
        let words: [(usize, u32); 8] = [
            (16, self.entry),
            (32, 0x1000),
            (36, 0x200),
            (56, 0x4000),
            (60, 0x400),
            (108, 16),
            (112 + 8, if self.names.is_empty() { 0 } else { DATA }),
            (112 + 8 + 4, if self.names.is_empty() { 0 } else { 40 }),
        ];
        for (at, value) in words {
            put(file, optional + at, &value.to_le_bytes());
        }
        put(file, optional, &self.magic.to_le_bytes());
        put(file, optional + 24, &BASE.to_le_bytes());
        put(file, optional + 68, &self.subsystem.to_le_bytes());
        if self.relocation.is_some() {
            put(file, optional + 112 + 40, &RELOCATIONS.to_le_bytes());
            put(file, optional + 112 + 44, &12_u32.to_le_bytes());
        }
        let sections: [(&[u8], u32, u32, u32); 3] = [
            (b".text", self.code_address, 0x400, self.code_flags),
            (b".rdata", DATA, 0x600, 0x4000_0040),
            (b".reloc", RELOCATIONS, 0xa00, 0x4200_0040),
        ];
        for (index, (name, address, raw, flags)) in sections.into_iter().enumerate() {
            let at = optional + 240 + 40 * index;
            put(file, at, name);
            for (field, value) in [(8, 0x200), (12, address), (16, 0x200), (20, raw), (36, flags)] {
                put(file, at + field, &u32::to_le_bytes(value));
            }
        }
        // The data section is longer: tables and names.
        let data = optional + 240 + 40;
        put(file, data + 8, &0x400_u32.to_le_bytes());
        put(file, data + 16, &0x400_u32.to_le_bytes());
    }

    /// One import descriptor, its lookup table, its address table, the module's name, the functions' names.
    fn data(&self) -> Vec<u8> {
        let mut data = vec![0; 0x400];
        if self.names.is_empty() {
            return data;
        }
        for (at, value) in [(0, DATA + 0x100), (12, DATA + 0x80), (16, DATA + SLOTS)] {
            put(&mut data, at, &u32::to_le_bytes(value));
        }
        put(&mut data, 0x80, self.module.as_bytes());
        let mut name_at = 0x300;
        for (index, name) in self.names.iter().enumerate() {
            let thunk = if self.ordinal {
                1 << 63 | 7
            } else {
                u64::from(DATA) + name_at as u64
            };
            put(&mut data, 0x100 + 8 * index, &thunk.to_le_bytes());
            put(&mut data, SLOTS as usize + 8 * index, &thunk.to_le_bytes());
            put(&mut data, name_at + 2, name.as_bytes());
            name_at += (name.len() + 3).next_multiple_of(2);
        }
        data
    }

    fn relocations(&self) -> Vec<u8> {
        let Some((place, kind)) = self.relocation else {
            return Vec::new();
        };
        let mut block = Vec::new();
        block.extend((place & !0xfff).to_le_bytes());
        block.extend(12_u32.to_le_bytes());
        block.extend((kind << 12 | (place & 0xfff) as u16).to_le_bytes());
        block.extend([0, 0]);
        block
    }
}
