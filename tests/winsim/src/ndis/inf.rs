//! Reads an INF: which device it installs, with which keywords and defaults.
//!
//! Only what the network class installer looks at is understood: `[Manufacturer]`, the models sections, the `DDInstall`
//! section of one hardware id with its `AddReg` sections, and `[Strings]`. The grammar is that of the INF chapters of the
//! WDK (sections, `key = value, value`, quotes, `%strings%`, `;` comments, `\` at the end of a line).

use std::collections::BTreeMap;

/// Why a text is not an INF that installs the device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InfError {
    /// No model lists this hardware id.
    #[error("no model has the hardware id {0}")]
    UnknownDevice(String),
    /// A section that is referred to is missing.
    #[error("section [{0}] is missing")]
    NoSection(String),
    /// A `%token%` without an entry in `[Strings]`.
    #[error("string %{0}% is not defined")]
    NoString(String),
}

/// One line of a section: `key = values` or, without `=`, values alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Left of `=`, empty if there is none.
    pub key: String,
    /// The comma separated fields, unquoted and with strings replaced.
    pub values: Vec<String>,
}

/// A parsed INF.
#[derive(Debug, Clone)]
pub struct Inf {
    sections: BTreeMap<String, Vec<Line>>,
}

/// How the value of a keyword is chosen (`Ndi\params\<keyword>\Type`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeywordType {
    /// One of the listed values.
    Enum(Vec<String>),
    /// A number within bounds.
    Number {
        /// Smallest legal value.
        min: i64,
        /// Greatest legal value.
        max: i64,
        /// Distance of two legal values.
        step: i64,
    },
    /// Free text.
    Edit,
}

/// One keyword that the INF offers to the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    /// Name with its `*` if it is a standardized one.
    pub name: String,
    /// Its range.
    pub kind: KeywordType,
    /// `Default`, which installation writes into the registry.
    pub default: Option<String>,
    /// `Optional` = 1: nothing is written unless the administrator asks for it.
    pub optional: bool,
}

/// What an INF says about one hardware id.
#[derive(Debug, Clone)]
pub struct Install {
    /// Name of the `DDInstall` section.
    pub section: String,
    /// Entries of that section itself: `*IfType`, `Characteristics`, `BusType` ... (keys as written).
    pub directives: BTreeMap<String, String>,
    /// Keywords below `Ndi\params`.
    pub keywords: Vec<Keyword>,
    /// Other values below `HKR`, by path `subkey\name` (`Ndi\Service`, `Ndi\Interfaces\UpperRange` ...).
    pub values: BTreeMap<String, String>,
    /// Values below `HKR` of the hardware section (`DDInstall.HW`), by path.
    pub hardware: BTreeMap<String, String>,
}

/// What the name of a `DDInstall` section for this machine may end in.
const SUFFIXES: [&str; 4] = ["", ".NTamd64", ".NT$ARCH$", ".NT"];

impl Inf {
    /// Parses `text`. What is not understood stays available as lines of its section.
    ///
    /// # Errors
    /// [`InfError::NoString`] for an undefined `%token%`.
    pub fn parse(text: &str) -> Result<Self, InfError> {
        let raw = raw_sections(text);
        let strings: BTreeMap<String, String> = raw
            .iter()
            .filter(|(name, _)| name == "strings")
            .flat_map(|(_, lines)| lines.iter())
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim().to_lowercase(), unquote(value.trim())))
            .collect();
        let mut sections: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for (name, lines) in raw.into_iter().filter(|(name, _)| name != "strings") {
            let into = sections.entry(name).or_default();
            for line in lines {
                into.push(parse_line(&line, &strings)?);
            }
        }
        Ok(Self { sections })
    }

    /// The lines of a section, whose name is compared without case.
    pub fn section(&self, name: &str) -> Option<&[Line]> {
        self.sections.get(&name.to_lowercase()).map(Vec::as_slice)
    }

    /// What installing the device with `hardware_id` does.
    ///
    /// # Errors
    /// No model has the id, or a section that is named does not exist.
    pub fn install_for(&self, hardware_id: &str) -> Result<Install, InfError> {
        let section = self
            .models()
            .into_iter()
            .flatten()
            .find(|line| {
                line.values
                    .iter()
                    .skip(1)
                    .any(|id| id.eq_ignore_ascii_case(hardware_id))
            })
            .and_then(|line| line.values.first().cloned())
            .ok_or_else(|| InfError::UnknownDevice(hardware_id.to_owned()))?;
        let lines = self
            .decorated(&section)
            .ok_or_else(|| InfError::NoSection(section.clone()))?;
        let mut install = Install {
            section,
            directives: BTreeMap::new(),
            keywords: Vec::new(),
            values: BTreeMap::new(),
            hardware: BTreeMap::new(),
        };
        for line in lines.iter().filter(|line| !line.key.is_empty()) {
            if line.key.eq_ignore_ascii_case("AddReg") {
                for name in &line.values {
                    self.add_reg(name, &mut install)?;
                }
            } else {
                install.directives.insert(line.key.clone(), line.values.join(","));
            }
        }
        let hardware = self.hardware_of(&install.section).unwrap_or_default();
        for line in hardware
            .iter()
            .filter(|line| line.key.eq_ignore_ascii_case("AddReg"))
        {
            for name in &line.values {
                self.each_value(name, |subkey, value_name, value| {
                    let path = path(subkey, value_name);
                    install.hardware.insert(path, value.to_owned());
                })?;
            }
        }
        Ok(install)
    }

    /// The models sections that `[Manufacturer]` names, plain and decorated.
    fn models(&self) -> Vec<&[Line]> {
        let mut found = Vec::new();
        for line in self.section("manufacturer").unwrap_or_default() {
            let Some(base) = line.values.first() else { continue };
            found.extend(self.section(base));
            for decoration in line.values.iter().skip(1) {
                found.extend(self.section(&format!("{base}.{decoration}")));
            }
        }
        found
    }

    /// A `DDInstall` section under its name or one of its platform decorations.
    fn decorated(&self, name: &str) -> Option<&[Line]> {
        SUFFIXES
            .iter()
            .find_map(|suffix| self.section(&format!("{name}{suffix}")))
    }

    /// The hardware section that goes with a `DDInstall` section.
    fn hardware_of(&self, name: &str) -> Option<&[Line]> {
        SUFFIXES
            .iter()
            .find_map(|suffix| self.section(&format!("{name}{suffix}.HW")))
    }

    fn add_reg(&self, name: &str, install: &mut Install) -> Result<(), InfError> {
        self.each_value(name, |subkey, value_name, value| match keyword_path(subkey) {
            Some((keyword, is_enum)) => {
                set_keyword(&mut install.keywords, keyword, is_enum, value_name, value);
            }
            None => {
                install.values.insert(path(subkey, value_name), value.to_owned());
            }
        })
    }

    /// Calls `each` with subkey, name and value of every value that an `AddReg` section writes below `HKR`.
    fn each_value(&self, name: &str, mut each: impl FnMut(&str, &str, &str)) -> Result<(), InfError> {
        let lines = self
            .section(name)
            .ok_or_else(|| InfError::NoSection(name.to_owned()))?;
        for line in lines {
            let field = |n: usize| line.values.get(n).map_or("", String::as_str);
            if !field(0).eq_ignore_ascii_case("HKR") {
                continue;
            }
            each(field(1), field(2), field(4));
        }
        Ok(())
    }
}

/// A value by subkey and name.
fn path(subkey: &str, name: &str) -> String {
    format!("{subkey}\\{name}").trim_matches('\\').to_owned()
}

/// Splits `Ndi\params\<keyword>[\enum]`.
fn keyword_path(subkey: &str) -> Option<(&str, bool)> {
    let prefix = subkey
        .get(..11)
        .filter(|p| p.eq_ignore_ascii_case("Ndi\\params\\"))?;
    let rest = &subkey[prefix.len()..];
    match rest.split_once('\\') {
        Some((keyword, tail)) => tail.eq_ignore_ascii_case("enum").then_some((keyword, true)),
        None => Some((rest, false)),
    }
}

fn set_keyword(keywords: &mut Vec<Keyword>, name: &str, is_enum: bool, value_name: &str, value: &str) {
    let at = keywords
        .iter()
        .position(|k| k.name.eq_ignore_ascii_case(name))
        .unwrap_or_else(|| {
            let fresh = Keyword {
                name: name.to_owned(),
                kind: KeywordType::Edit,
                default: None,
                optional: false,
            };
            keywords.push(fresh);
            keywords.len() - 1
        });
    let keyword = &mut keywords[at];
    if is_enum {
        match &mut keyword.kind {
            KeywordType::Enum(values) => values.push(value_name.to_owned()),
            other => *other = KeywordType::Enum(vec![value_name.to_owned()]),
        }
        return;
    }
    let number = || value.parse().unwrap_or(0);
    match (value_name.to_lowercase().as_str(), &mut keyword.kind) {
        ("default", _) => keyword.default = Some(value.to_owned()),
        ("optional", _) => keyword.optional = value == "1",
        ("type", kind @ KeywordType::Edit) => *kind = kind_named(value),
        ("min", KeywordType::Number { min, .. }) => *min = number(),
        ("max", KeywordType::Number { max, .. }) => *max = number(),
        ("step", KeywordType::Number { step, .. }) => *step = number(),
        _ => {}
    }
}

fn kind_named(name: &str) -> KeywordType {
    match name.to_lowercase().as_str() {
        "enum" => KeywordType::Enum(Vec::new()),
        "int" | "long" | "word" | "dword" => KeywordType::Number {
            min: 0,
            max: i64::from(u32::MAX),
            step: 1,
        },
        _ => KeywordType::Edit,
    }
}

/// Sections in the order of the file, names in lower case, lines joined and without comments.
fn raw_sections(text: &str) -> Vec<(String, Vec<String>)> {
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        let line = strip_comment(line).trim();
        if let Some(part) = line.strip_suffix('\\').filter(|_| !line.starts_with('[')) {
            pending.push_str(part);
            continue;
        }
        pending.push_str(line);
        let whole = std::mem::take(&mut pending);
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name.trim().to_lowercase(), Vec::new()));
        } else if let (false, Some((_, lines))) = (whole.is_empty(), sections.last_mut()) {
            lines.push(whole);
        }
    }
    sections
}

fn strip_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

fn parse_line(line: &str, strings: &BTreeMap<String, String>) -> Result<Line, InfError> {
    let (key, rest) = match split_outside_quotes(line, '=') {
        (key, Some(rest)) => (expand(&unquote(key.trim()), strings)?, rest),
        (all, None) => (String::new(), all),
    };
    let mut values = Vec::new();
    let mut rest = Some(rest);
    while let Some(text) = rest {
        let (field, tail) = split_outside_quotes(text, ',');
        values.push(expand(&unquote(field.trim()), strings)?);
        rest = tail;
    }
    Ok(Line { key, values })
}

fn split_outside_quotes(text: &str, separator: char) -> (&str, Option<&str>) {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if c == separator && !quoted => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

fn unquote(text: &str) -> String {
    match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.to_owned(),
    }
}

/// Replaces `%token%`; `%%` is a percent sign and `%11%`-like numbers are directory ids, which stay.
fn expand(text: &str, strings: &BTreeMap<String, String>) -> Result<String, InfError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let Some((token, tail)) = after.split_once('%') else {
            out.push('%');
            rest = after;
            continue;
        };
        if token.is_empty() {
            out.push('%');
        } else if token.bytes().all(|b| b.is_ascii_digit()) {
            out.extend(["%", token, "%"]);
        } else {
            let value = strings.get(&token.to_lowercase());
            out.push_str(value.ok_or_else(|| InfError::NoString(token.to_owned()))?);
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
        ; a comment with "quotes; inside"
        [Version]
        Signature = "$Windows NT$"
        [Manufacturer]
        %Mfg% = Models, NT$ARCH$.10.0...16299
        [Models.NT$ARCH$.10.0...16299]
        %Desc% = Cx5.ndi, PCI\VEN_15B3&DEV_1017
        [Cx5.ndi.NT]
        AddReg = Ndi.reg, \
                 Params.reg
        *IfType = 6
        [Ndi.reg]
        HKR, Ndi, Service, 0, "cxndk"
        HKR, Ndi\Interfaces, UpperRange, 0, "ndis5"
        [Params.reg]
        HKR, Ndi\params\*NetworkDirect, ParamDesc, 0, "%Nd%; 100%%"
        HKR, Ndi\params\*NetworkDirect, Type, 0, "enum"
        HKR, Ndi\params\*NetworkDirect, Default, 0, "1"
        HKR, Ndi\params\*NetworkDirect\enum, "0", 0, "Disabled"
        HKR, Ndi\params\*NetworkDirect\enum, "1", 0, "Enabled"
        HKR, Ndi\params\*ReceiveBuffers, Type, 0, "int"
        HKR, Ndi\params\*ReceiveBuffers, Min, 0, "64"
        HKR, Ndi\params\*ReceiveBuffers, Max, 0, "4096"
        HKR, Ndi\params\*ReceiveBuffers, Step, 0, "8"
        HKR, Ndi\params\*ReceiveBuffers, Default, 0, "512"
        HKR, Ndi\params\NetworkAddress, Type, 0, "edit"
        HKR, Ndi\params\NetworkAddress, Optional, 0, "1"
        [Strings]
        Mfg = "A maker"
        Desc = "A device"
        Nd = "Network Direct"
    "#;

    #[test]
    fn an_inf_names_the_keywords_of_a_hardware_id_with_their_defaults() {
        let inf = Inf::parse(SAMPLE).unwrap();
        let install = inf.install_for("pci\\ven_15b3&dev_1017").unwrap();
        assert_eq!(install.section, "Cx5.ndi");
        assert_eq!(install.directives["*IfType"], "6");
        assert_eq!(install.values["Ndi\\Service"], "cxndk");
        assert_eq!(install.values["Ndi\\Interfaces\\UpperRange"], "ndis5");
        let keyword = |name: &str| install.keywords.iter().find(|k| k.name == name).unwrap();
        assert_eq!(
            keyword("*NetworkDirect").kind,
            KeywordType::Enum(vec!["0".into(), "1".into()])
        );
        assert_eq!(keyword("*NetworkDirect").default.as_deref(), Some("1"));
        assert_eq!(
            keyword("*ReceiveBuffers").kind,
            KeywordType::Number {
                min: 64,
                max: 4096,
                step: 8
            }
        );
        assert!(keyword("NetworkAddress").optional);
    }

    #[test]
    fn an_unknown_device_an_unknown_string_and_a_missing_section_are_told_apart() {
        let inf = Inf::parse(SAMPLE).unwrap();
        assert!(matches!(
            inf.install_for("PCI\\VEN_8086"),
            Err(InfError::UnknownDevice(_))
        ));
        assert_eq!(
            Inf::parse("[A]\nb = %c%").unwrap_err(),
            InfError::NoString("c".into())
        );
        let dangling = SAMPLE.replace("[Params.reg]", "[Other.reg]");
        let error = Inf::parse(&dangling)
            .unwrap()
            .install_for("PCI\\VEN_15B3&DEV_1017")
            .unwrap_err();
        assert_eq!(error, InfError::NoSection("Params.reg".into()));
    }
}
