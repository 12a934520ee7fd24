//! The INF: what the network class installer gets to know, for every function that the driver serves.

use cxndk_testbed::ndis::inf::{Inf, Install, KeywordType};

const INX: &str = include_str!("../cxndk.inx");
const PHYSICAL: [&str; 15] = [
    "1013", "1015", "1017", "1019", "101B", "101D", "101F", "1021", "1023", "1025", "1027", "A2D2", "A2D6",
    "A2DC", "A2DF",
];
const VIRTUAL: [&str; 7] = ["1014", "1016", "1018", "101A", "101C", "101E", "A2D3"];

fn install(device: &str) -> Install {
    let inf = Inf::parse(INX).expect("cxndk.inx is an INF");
    inf.install_for(&format!(r"PCI\VEN_15B3&DEV_{device}"))
        .expect("the device is in a model")
}

fn every_function() -> impl Iterator<Item = (&'static str, Install)> {
    PHYSICAL
        .into_iter()
        .chain(VIRTUAL)
        .map(|device| (device, install(device)))
}

/// Proves INF-02, INF-03, INF-07.
#[test]
fn every_function_is_a_physical_ethernet_card_on_pci() {
    for (device, install) in every_function() {
        let directive = |name: &str| install.directives.get(name).map(String::as_str);
        assert_eq!(directive("Characteristics"), Some("0x84"), "{device}");
        assert_eq!(directive("BusType"), Some("5"), "{device}");
        assert_eq!(directive("*IfType"), Some("6"), "{device}");
        assert_eq!(directive("*MediaType"), Some("0"), "{device}");
        assert_eq!(directive("*PhysicalMediaType"), Some("14"), "{device}");
    }
}

/// Proves INF-04, ADAPTER-60, REG-11.
#[test]
fn physical_functions_bind_to_protocols_and_virtual_ones_to_the_switch() {
    for (devices, upper, lower) in [
        (&PHYSICAL[..], "ndis5", "ethernet"),
        (&VIRTUAL[..], "ndisvf", "iovvf"),
    ] {
        for device in devices {
            let install = install(device);
            assert_eq!(install.values[r"Ndi\Service"], "cxndk", "{device}");
            assert_eq!(install.values[r"Ndi\Interfaces\UpperRange"], upper, "{device}");
            assert_eq!(install.values[r"Ndi\Interfaces\LowerRange"], lower, "{device}");
            // Calls need none, unless for TAPI or WAN.
            assert!(!install.values.contains_key("CoServices"), "{device}");
        }
    }
}

/// Every function has messages, spread over the processors, so that a completion queue can be where its consumer wants it.
#[test]
fn messages_are_spread_over_the_processors() {
    for (device, install) in every_function() {
        let value = |path: &str| install.hardware.get(path).map(String::as_str);
        let messages = r"Interrupt Management\MessageSignaledInterruptProperties\MSISupported";
        assert_eq!(value(messages), Some("1"), "{device}");
        let policy = r"Interrupt Management\Affinity Policy\DevicePolicy";
        assert_eq!(value(policy), Some("5"), "{device}");
    }
}

/// Proves INF-01, INF-05, INF-06.
#[test]
fn version_service_and_selection_are_as_the_class_wants() {
    let inf = Inf::parse(INX).expect("cxndk.inx is an INF");
    let value = |section: &str, key: &str| {
        let lines = inf.section(section).unwrap_or_else(|| panic!("[{section}]"));
        lines
            .iter()
            .find(|line| line.key.eq_ignore_ascii_case(key))
            .map(|line| line.values.join(", "))
    };
    assert_eq!(value("Version", "Signature").as_deref(), Some("$Windows NT$"));
    assert_eq!(value("Version", "Class").as_deref(), Some("Net"));
    assert_eq!(
        value("Version", "ClassGuid").as_deref(),
        Some("{4D36E972-E325-11CE-BFC1-08002BE10318}")
    );
    assert_eq!(value("Version", "CatalogFile").as_deref(), Some("cxndk.cat"));
    assert_eq!(value("Version", "PnpLockdown").as_deref(), Some("1"));
    assert_eq!(value("Service.Install", "ServiceType").as_deref(), Some("1"));
    assert_eq!(value("Service.Install", "StartType").as_deref(), Some("3"));
    assert_eq!(value("Service.Install", "ErrorControl").as_deref(), Some("1"));
    assert_eq!(
        value("Service.Install", "ServiceBinary").as_deref(),
        Some(r"%13%\cxndk.sys")
    );
    assert_eq!(
        value("Service.Install", "LoadOrderGroup").as_deref(),
        Some("NDIS")
    );
    let excluded: Vec<_> = inf
        .section("ControlFlags")
        .expect("[ControlFlags]")
        .iter()
        .collect();
    for device in PHYSICAL.iter().chain(&VIRTUAL) {
        let id = format!(r"PCI\VEN_15B3&DEV_{device}");
        assert!(excluded.iter().any(|line| line.values.contains(&id)), "{id}");
    }
}

/// Proves INF-09, ADAPTER-61, ADAPTER-62, ADAPTER-63.
#[test]
fn keywords_have_their_types_values_and_defaults() {
    let expected: [(&str, &[&str], &str); 9] = [
        ("*SpeedDuplex", &["0"], "0"),
        ("*FlowControl", &["0", "1", "2", "3", "4"], "0"),
        ("*PriorityVLANTag", &["0", "1", "2", "3"], "3"),
        ("*InterruptModeration", &["0", "1"], "1"),
        ("*JumboPacket", &["1514", "4088", "9014"], "1514"),
        ("*NetworkDirect", &["0", "1"], "1"),
        ("*NetworkDirectTechnology", &["4"], "4"),
        (
            "*NetworkDirectRoCEFrameSize",
            &["256", "512", "1024", "2048", "4096"],
            "1024",
        ),
        ("*RSS", &["0", "1"], "1"),
    ];
    for (device, install) in every_function() {
        for (name, values, default) in expected {
            let keyword = install.keywords.iter().find(|k| k.name == name);
            let keyword = keyword.unwrap_or_else(|| panic!("{device} lacks {name}"));
            let KeywordType::Enum(found) = &keyword.kind else {
                panic!("{name} is no enumeration")
            };
            let mut found: Vec<_> = found.iter().map(String::as_str).collect();
            found.sort_by_key(|value| value.parse::<u32>().expect("a number"));
            assert_eq!(found, values, "{device} {name}");
            assert_eq!(keyword.default.as_deref(), Some(default), "{device} {name}");
            assert!(!keyword.optional, "{device} {name}");
        }
        for keyword in &install.keywords {
            assert!(
                keyword.default.is_some() || keyword.optional,
                "{device} {} has no default",
                keyword.name
            );
        }
    }
}

/// Proves INF-09 as far as the reader sees it: every keyword has a default that its own type allows, and those of Network Direct are there.
#[test]
fn every_keyword_has_a_legal_default() {
    for (device, install) in every_function() {
        for keyword in &install.keywords {
            let default = keyword.default.as_deref();
            let legal = match &keyword.kind {
                KeywordType::Enum(values) => {
                    default.is_some_and(|default| values.iter().any(|value| value == default))
                }
                KeywordType::Number { min, max, .. } => default
                    .and_then(|default| default.parse().ok())
                    .is_some_and(|default: i64| (*min..=*max).contains(&default)),
                KeywordType::Edit => true,
            };
            assert!(legal, "{device}: {keyword:?}");
        }
    }
    let names: Vec<_> = install("1017")
        .keywords
        .into_iter()
        .map(|keyword| keyword.name)
        .collect();
    for needed in [
        "*NetworkDirect",
        "*NetworkDirectTechnology",
        "*NetworkDirectRoCEFrameSize",
        "NetworkAddress",
    ] {
        assert!(names.iter().any(|name| name == needed), "{needed}");
    }
}
