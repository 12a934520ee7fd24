//! The image under test: its bytes, its headers, its sections by address.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs};

use object::pe::ImageNtHeaders64;
use object::read::pe::PeFile64;
use object::{LittleEndian as LE, pe};

/// One driver image.
pub struct Image {
    /// Where it is.
    pub path: PathBuf,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

/// The image that the environment names.
///
/// # Panics
///
/// Where it names none: the tests that ask for it are ignored unless asked for.
pub fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let named = env::var_os("CXNDK_DRIVER").filter(|named| !named.is_empty());
        let path =
            PathBuf::from(named.expect("CXNDK_DRIVER names the image to check; scripts/test-sys builds one"));
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Image { path, bytes }
    })
}

impl Image {
    /// The parsed file.
    pub fn pe(&self) -> PeFile64<'_> {
        PeFile64::parse(self.bytes.as_slice()).expect("a 64-bit PE file")
    }

    /// Its NT headers.
    pub fn nt(&self) -> &ImageNtHeaders64 {
        self.pe().nt_headers()
    }

    /// Its sections.
    pub fn sections(&self) -> Vec<Section> {
        self.pe()
            .section_table()
            .iter()
            .map(|header| Section {
                name: String::from_utf8_lossy(header.raw_name()).into_owned(),
                address: header.virtual_address.get(LE),
                size: header.virtual_size.get(LE),
                flags: header.characteristics.get(LE).0,
            })
            .collect()
    }

    /// The section that holds `address`.
    pub fn section_at(&self, address: u32) -> Option<Section> {
        self.sections().into_iter().find(|section| section.holds(address))
    }

    /// `size` bytes at `address`.
    pub fn at(&self, address: u32, size: usize) -> &[u8] {
        let pe = self.pe();
        let data = pe
            .section_table()
            .pe_data_at(self.bytes.as_slice(), address)
            .unwrap_or_else(|| panic!("{address:#x} is in no section"));
        &data[..size]
    }

    /// A little-endian number of 32 bits at `address`.
    pub fn u32_at(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.at(address, 4).try_into().unwrap())
    }

    /// Address and size of a data directory.
    pub fn directory(&self, index: usize) -> Option<(u32, u32)> {
        let pe = self.pe();
        let directory = pe.data_directory(index)?;
        let range = directory.address_range();
        (range.1 != 0).then_some(range)
    }

    /// Places in the image that the loader relocates.
    pub fn relocated(&self) -> Vec<u32> {
        let pe = self.pe();
        let blocks = pe
            .data_directories()
            .relocation_blocks(self.bytes.as_slice(), &pe.section_table())
            .expect("a relocation directory that can be read")
            .expect("a relocation directory");
        let mut places = Vec::new();
        for block in blocks {
            for relocation in block.expect("a whole relocation block") {
                assert_eq!(
                    relocation.typ,
                    pe::IMAGE_REL_BASED_DIR64,
                    "at {:#x}",
                    relocation.virtual_address
                );
                places.push(relocation.virtual_address);
            }
        }
        places
    }

    /// The addresses that relocated places point to.
    pub fn pointed_to(&self) -> Vec<u32> {
        let base = self.nt().optional_header.image_base.get(LE);
        self.relocated()
            .into_iter()
            .map(|place| {
                let pointer = u64::from_le_bytes(self.at(place, 8).try_into().unwrap());
                u32::try_from(pointer - base).expect("a pointer into the image")
            })
            .collect()
    }
}

/// One section.
pub struct Section {
    /// Its name.
    pub name: String,
    /// Relative virtual address.
    pub address: u32,
    /// Size in memory.
    pub size: u32,
    /// `IMAGE_SCN_*`.
    flags: u32,
}

impl Section {
    /// Whether `address` lies in it.
    pub fn holds(&self, address: u32) -> bool {
        (self.address..self.address + self.size).contains(&address)
    }

    /// Whether it has one of `flags`.
    pub fn has(&self, flags: pe::SectionFlags) -> bool {
        self.flags & flags.0 != 0
    }

    /// Whether it may be executed.
    pub fn executable(&self) -> bool {
        self.has(pe::IMAGE_SCN_MEM_EXECUTE)
    }
}
