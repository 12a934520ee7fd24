//! An image file, checked: everything that the rest of the loader relies on holds for a value of [`ImageFile`].

use std::fs;
use std::path::{Path, PathBuf};

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{Import, PeFile64};

use super::error::{ImageError, Reason};

/// Sections begin at multiples of this.
pub(super) const PAGE: usize = 4096;
/// The largest image that is taken for a driver.
const LARGEST: u32 = 256 << 20;
/// Offset of the checksum in the optional header.
const CHECKSUM: usize = 64;

/// The four parts of a file version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub [u16; 4]);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch, build] = self.0;
        write!(f, "{major}.{minor}.{patch}.{build}")
    }
}

/// One section of an image.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    /// First byte, relative to the base.
    pub(super) start: usize,
    /// Bytes in memory, whole pages.
    pub(super) size: usize,
    /// Where the file has its contents.
    pub(super) raw: std::ops::Range<usize>,
    pub(super) writable: bool,
    pub(super) executable: bool,
    pub(super) discardable: bool,
}

/// One function to bind.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    pub(super) module: String,
    pub(super) name: String,
    /// Its place in the import address table, relative to the base.
    pub(super) slot: usize,
}

/// A file that is a driver image.
pub struct ImageFile {
    path: PathBuf,
    bytes: Vec<u8>,
    pub(super) size: usize,
    pub(super) headers: usize,
    pub(super) preferred: u64,
    pub(super) entry: usize,
    pub(super) sections: Vec<Section>,
    pub(super) relocations: Vec<usize>,
    pub(super) imports: Vec<Needed>,
    version: Option<Version>,
}

impl ImageFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// What the NT loader would refuse, and what makes a file no driver image for x64.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let fail = |reason| ImageError {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(|error| fail(error.into()))?;
        Self::parse(path, bytes).map_err(fail)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version that its resource names.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn fail(&self, reason: Reason) -> ImageError {
        ImageError {
            path: self.path.clone(),
            reason,
        }
    }

    pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Reason> {
        machine(&bytes)?;
        let pe = PeFile64::parse(bytes.as_slice()).map_err(Reason::corrupt("the headers"))?;
        header(&pe, &bytes)?;
        let optional = &pe.nt_headers().optional_header;
        let size = optional.size_of_image.get(LE) as usize;
        let sections = sections(&pe, &bytes, size)?;
        let entry = optional.address_of_entry_point.get(LE) as usize;
        if !sections
            .iter()
            .any(|s| s.executable && (s.start..s.start + s.size).contains(&entry))
        {
            return Err(Reason::refused(format!(
                "its entry point {entry:#x} is in no executable section"
            )));
        }
        let headers = optional.size_of_headers.get(LE) as usize;
        let relocations = relocations(&pe, &bytes, &sections)?;
        let imports = imports(&pe, &sections)?;
        let version = version(&pe, &bytes);
        let preferred = optional.image_base.get(LE);
        Ok(Self {
            path: path.to_owned(),
            size,
            headers,
            preferred,
            entry,
            sections,
            relocations,
            imports,
            version,
            bytes,
        })
    }
}

/// A clear word for files that are of another kind altogether.
fn machine(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.get(..2) != Some(b"MZ") {
        return Err(Reason::refused(
            "it is no Windows image: it does not begin with MZ",
        ));
    }
    let kind = object::read::FileKind::parse(bytes).map_err(Reason::corrupt("the headers"))?;
    match kind {
        object::read::FileKind::Pe64 => Ok(()),
        object::read::FileKind::Pe32 => Err(Reason::refused("it is a 32-bit image; drivers are 64-bit")),
        other => Err(Reason::refused(format!("it is no driver image but {other:?}"))),
    }
}

fn header(pe: &PeFile64<'_>, bytes: &[u8]) -> Result<(), Reason> {
    let file = &pe.nt_headers().file_header;
    let optional = &pe.nt_headers().optional_header;
    if file.machine.get(LE) != pe::IMAGE_FILE_MACHINE_AMD64 {
        return Err(Reason::refused(format!(
            "its machine is {:#x}, not x64",
            file.machine.get(LE).0
        )));
    }
    let flags = file.characteristics.get(LE).0;
    if flags & pe::IMAGE_FILE_EXECUTABLE_IMAGE.0 == 0 {
        return Err(Reason::refused(
            "it is not linked to its end: EXECUTABLE_IMAGE is not set",
        ));
    }
    if flags & pe::IMAGE_FILE_RELOCS_STRIPPED.0 != 0 {
        return Err(Reason::refused(
            "its relocations are stripped, so it cannot be moved",
        ));
    }
    let subsystem = optional.subsystem.get(LE);
    if subsystem != pe::IMAGE_SUBSYSTEM_NATIVE {
        return Err(Reason::refused(format!(
            "its subsystem is {}, not native (1)",
            subsystem.0
        )));
    }
    let sum = optional.check_sum.get(LE);
    let expected = checksum(bytes).ok_or_else(|| Reason::refused("its headers are truncated"))?;
    if sum != expected {
        return Err(Reason::refused(format!(
            "its checksum is {sum:#x}, its contents have {expected:#x}"
        )));
    }
    let (section, in_file) = (
        optional.section_alignment.get(LE),
        optional.file_alignment.get(LE),
    );
    if !(section as usize).is_multiple_of(PAGE) || section == 0 || !in_file.is_power_of_two() {
        return Err(Reason::refused(format!(
            "its alignment is {section:#x}, in the file {in_file:#x}"
        )));
    }
    let size = optional.size_of_image.get(LE);
    if size > LARGEST
        || !(size as usize).is_multiple_of(PAGE)
        || optional.size_of_headers.get(LE) as usize > bytes.len()
    {
        return Err(Reason::refused(format!("its size in memory is {size:#x}")));
    }
    Ok(())
}

/// The checksum of an image's bytes: the sum of its 16-bit words, carries added, plus its length.
pub(super) fn checksum(bytes: &[u8]) -> Option<u32> {
    let nt = u32::from_le_bytes(bytes.get(0x3c..0x40)?.try_into().ok()?) as usize;
    let field = nt.checked_add(24 + CHECKSUM)?;
    let mut sum: u32 = 0;
    for (index, pair) in bytes.chunks(2).enumerate() {
        if (field..field + 4).contains(&(index * 2)) {
            continue;
        }
        let word = u32::from(pair[0]) | u32::from(pair.get(1).copied().unwrap_or(0)) << 8;
        sum += word;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    Some(sum.wrapping_add(bytes.len() as u32))
}

fn sections(pe: &PeFile64<'_>, bytes: &[u8], image: usize) -> Result<Vec<Section>, Reason> {
    let mut list = Vec::new();
    let mut end = pe.nt_headers().optional_header.size_of_headers.get(LE) as usize;
    for header in pe.section_table().iter() {
        let name = String::from_utf8_lossy(header.raw_name()).into_owned();
        let flags = header.characteristics.get(LE).0;
        let has = |flag: pe::SectionFlags| flags & flag.0 != 0;
        let start = header.virtual_address.get(LE) as usize;
        let in_memory = header.virtual_size.get(LE) as usize;
        let in_file = header.size_of_raw_data.get(LE) as usize;
        let offset = header.pointer_to_raw_data.get(LE) as usize;
        let size = in_memory.next_multiple_of(PAGE);
        let section = Section {
            start,
            size,
            raw: offset..offset + in_file.min(in_memory),
            writable: has(pe::IMAGE_SCN_MEM_WRITE),
            executable: has(pe::IMAGE_SCN_MEM_EXECUTE),
            discardable: has(pe::IMAGE_SCN_MEM_DISCARDABLE),
            name,
        };
        if !start.is_multiple_of(PAGE) || start < end || start + size > image || size == 0 {
            return Err(Reason::refused(format!(
                "section {} at {start:#x} of {in_memory:#x} bytes overlaps another or leaves the image",
                section.name
            )));
        }
        if section.raw.end > bytes.len() {
            return Err(Reason::refused(format!(
                "the file ends within section {}",
                section.name
            )));
        }
        if section.writable && section.executable {
            return Err(Reason::refused(format!(
                "section {} is writable and executable",
                section.name
            )));
        }
        end = start + size;
        list.push(section);
    }
    Ok(list)
}

fn holds(sections: &[Section], place: usize, size: usize) -> bool {
    sections
        .iter()
        .any(|section| place >= section.start && place + size <= section.start + section.size)
}

fn relocations(pe: &PeFile64<'_>, bytes: &[u8], sections: &[Section]) -> Result<Vec<usize>, Reason> {
    const WHAT: &str = "the relocations";
    let blocks = pe
        .data_directories()
        .relocation_blocks(bytes, &pe.section_table())
        .map_err(Reason::corrupt(WHAT))?;
    let mut places = Vec::new();
    for block in blocks.into_iter().flatten() {
        for relocation in block.map_err(Reason::corrupt(WHAT))? {
            let place = relocation.virtual_address as usize;
            if relocation.typ != pe::IMAGE_REL_BASED_DIR64 {
                return Err(Reason::refused(format!(
                    "a relocation of type {:?} at {place:#x}",
                    relocation.typ
                )));
            }
            if !holds(sections, place, 8) {
                return Err(Reason::refused(format!(
                    "a relocation at {place:#x}, in no section"
                )));
            }
            places.push(place);
        }
    }
    Ok(places)
}

fn imports(pe: &PeFile64<'_>, sections: &[Section]) -> Result<Vec<Needed>, Reason> {
    const WHAT: &str = "the imports";
    let corrupt = || Reason::corrupt(WHAT);
    let mut needed = Vec::new();
    let Some(table) = pe.import_table().map_err(corrupt())? else {
        return Ok(needed);
    };
    let mut descriptors = table.descriptors().map_err(corrupt())?;
    while let Some(descriptor) = descriptors.next().map_err(corrupt())? {
        let name = table.name(descriptor.name.get(LE)).map_err(corrupt())?;
        let module = String::from_utf8_lossy(name).into_owned();
        let mut thunks = table
            .thunks(descriptor.original_first_thunk.get(LE))
            .map_err(corrupt())?;
        let mut slot = descriptor.first_thunk.get(LE) as usize;
        while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>().map_err(corrupt())? {
            let import = table.import::<pe::ImageNtHeaders64>(thunk).map_err(corrupt())?;
            let name = match import {
                Import::Name(_, name) => String::from_utf8_lossy(name).into_owned(),
                Import::Ordinal(ordinal) => {
                    return Err(Reason::refused(format!(
                        "it imports ordinal {ordinal} from {module}, not a name"
                    )));
                }
            };
            if !holds(sections, slot, 8) {
                return Err(Reason::refused(format!(
                    "the place of {module}!{name} at {slot:#x} is in no section"
                )));
            }
            needed.push(Needed {
                module: module.clone(),
                name,
                slot,
            });
            slot += 8;
        }
    }
    Ok(needed)
}

/// The file version of the version resource; a missing or strange resource is none, for the loader does not read it.
fn version(pe: &PeFile64<'_>, bytes: &[u8]) -> Option<Version> {
    const TYPE_VERSION: u16 = 16;
    let directory = pe
        .data_directories()
        .resource_directory(bytes, &pe.section_table())
        .ok()??;
    let root = directory.root().ok()?;
    let kind = root
        .entries
        .iter()
        .find(|entry| entry.name_or_id().id() == Some(TYPE_VERSION))?;
    let language = kind
        .data(directory)
        .ok()?
        .table()?
        .entries
        .first()?
        .data(directory)
        .ok()?
        .table()?;
    let data = language.entries.first()?.data(directory).ok()?.data()?;
    let resource = pe
        .section_table()
        .pe_data_at(bytes, data.offset_to_data.get(LE))?;
    // The fixed part stands behind the key "VS_VERSION_INFO"; its third word and fourth are the file's version.
    let word = |at: usize| Some(u16::from_le_bytes(resource.get(at..at + 2)?.try_into().ok()?));
    Some(Version([word(50)?, word(48)?, word(54)?, word(52)?]))
}
