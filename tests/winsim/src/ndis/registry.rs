//! The driver key of one adapter: what `NdisReadConfiguration` reads.
//!
//! Installation fills it with the keyword defaults of the INF; a test changes single values, or all of them to nonsense.

use std::collections::BTreeMap;

use super::inf::{Install, KeywordType};

/// A value of the driver key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_SZ`; the network class installer stores every keyword so.
    Text(String),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
}

/// The named values of a driver key; names are compared without case.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    values: BTreeMap<String, Value>,
}

impl Registry {
    /// The key as it is right after installation from an INF: keyword defaults, and the directives that the network
    /// class installer copies (`*IfType`, `*MediaType`, `*PhysicalMediaType`).
    pub fn installed(install: &Install) -> Self {
        let mut registry = Self::default();
        for keyword in install.keywords.iter().filter(|k| !k.optional) {
            if let Some(default) = &keyword.default {
                registry.set(&keyword.name, Value::Text(default.clone()));
            }
        }
        for (name, value) in install
            .directives
            .iter()
            .filter(|(name, _)| name.starts_with('*'))
        {
            let value = value
                .parse()
                .map_or_else(|_| Value::Text(value.clone()), Value::Dword);
            registry.set(name, value);
        }
        registry
    }

    /// Writes a value.
    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_lowercase(), value);
    }

    /// Deletes a value, as an INF without the keyword would leave it.
    pub fn remove(&mut self, name: &str) {
        self.values.remove(&name.to_lowercase());
    }

    /// Reads a value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(&name.to_lowercase())
    }

    /// Gives every keyword of the INF a value from outside its range, drawn by `draw(bound)`, to see that the driver
    /// trusts none of them (INF-08, VRF-46).
    pub fn fuzz(&mut self, install: &Install, mut draw: impl FnMut(u64) -> u64) {
        for keyword in &install.keywords {
            let value = nonsense(&keyword.kind, &mut draw);
            match value {
                Some(value) => self.set(&keyword.name, value),
                None => self.remove(&keyword.name),
            }
        }
    }
}

fn nonsense(kind: &KeywordType, draw: &mut impl FnMut(u64) -> u64) -> Option<Value> {
    match draw(9) {
        0 => None,
        1 => Some(Value::Dword(u32::MAX)),
        2 => Some(Value::Dword(draw(1 << 32) as u32)),
        3 => Some(Value::Text(String::new())),
        4 => Some(Value::Text("-1".to_owned())),
        5 => Some(Value::Text("9".repeat(1 + draw(40) as usize))),
        6 => Some(Value::Text("\u{fffd}x\u{0}".to_owned())),
        7 => Some(Value::Binary((0..draw(64)).map(|n| (n * 37) as u8).collect())),
        _ => match kind {
            KeywordType::Number { min, max, .. } => {
                let beyond = if draw(2) == 0 {
                    min - 1
                } else {
                    max.saturating_add(1)
                };
                Some(Value::Text(beyond.to_string()))
            }
            KeywordType::Enum(values) => Some(Value::Text(format!(
                "{}0",
                values.last().map_or("7", String::as_str)
            ))),
            KeywordType::Edit => Some(Value::Text("ZZZZZZZZZZZZ".to_owned())),
        },
    }
}

/// What a string value is as an integer, the way `NdisReadConfiguration` converts it: digits of `radix` up to the first
/// other character; none at all is an error.
pub fn parse_integer(text: &str, radix: u32) -> Option<u32> {
    let text = text.trim_start();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let digits = if radix == 16 {
        digits.trim_start_matches("0x").trim_start_matches("0X")
    } else {
        digits
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    if end == 0 {
        return None;
    }
    let value = digits[..end]
        .chars()
        .filter_map(|c| c.to_digit(radix))
        .fold(0_u32, |n, d| n.wrapping_mul(radix).wrapping_add(d));
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_become_integers_up_to_the_first_other_character() {
        assert_eq!(parse_integer("1514", 10), Some(1514));
        assert_eq!(parse_integer(" 12x", 10), Some(12));
        assert_eq!(parse_integer("-1", 10), Some(u32::MAX));
        assert_eq!(parse_integer("ff", 16), Some(255));
        assert_eq!(parse_integer("", 10), None);
        assert_eq!(parse_integer("x", 10), None);
    }

    #[test]
    fn names_are_compared_without_case() {
        let mut registry = Registry::default();
        registry.set("*JumboPacket", Value::Dword(9014));
        assert_eq!(registry.get("*jumbopacket"), Some(&Value::Dword(9014)));
        registry.remove("*JUMBOPACKET");
        assert_eq!(registry.get("*JumboPacket"), None);
    }
}
