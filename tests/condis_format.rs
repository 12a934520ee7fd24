//! The format of SAPs and call parameters: every field that is wrong has an error of its own.

use core::net::SocketAddr;

use cxndk::co::format::{
    CALL_TYPE, Call, Flow, FormatError, MAX_MESSAGE, MAX_PRIVATE_DATA, PrivateData, SAP_TYPE, Sap, flow_spec,
};
use cxndk::co::wire::{HEAD, Head, Hello, Kind, REQUEST_DATA};
use cxndk::nt::Status;
use cxndk::sys::condis::{FLOWSPEC, QOS_NOT_SPECIFIED};
use proptest::prelude::*;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn call() -> Call {
    Call {
        local: address("10.0.0.1:0"),
        remote: address("10.0.0.2:7000"),
        message_size: 4096,
        send_depth: 8,
        receive_depth: 16,
        flow: Flow {
            transmit: 4096,
            receive: 1024,
        },
        private_data: PrivateData::new(b"hello").expect("it is short"),
    }
}

fn parse_sap(bytes: &[u8]) -> Result<Sap, FormatError> {
    Sap::parse(SAP_TYPE, bytes)
}

fn parse_call(bytes: &[u8]) -> Result<Call, FormatError> {
    let flow = flow_spec(QOS_NOT_SPECIFIED);
    Call::parse(CALL_TYPE, bytes, (&flow, &flow), false).map(|(call, _)| call)
}

fn with(bytes: &[u8], at: usize, value: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at..at + value.len()].copy_from_slice(value);
    changed
}

#[test]
fn what_is_encoded_is_read_back() {
    for local in ["10.0.0.1:80", "[fd00::1]:80", "[fe80::1%7]:80"].map(address) {
        let sap = Sap { local };
        assert_eq!(parse_sap(sap.encode().record.bytes()), Ok(sap));
    }
    let encoded = call().encode();
    let flows = (&encoded.transmit, &encoded.receive);
    assert_eq!(
        Call::parse(encoded.param_type, encoded.record.bytes(), flows, false),
        Ok((call(), false))
    );
}

/// Proves SAP-02: the documented place of each field, and what is wrong with it.
#[test]
fn each_field_of_a_sap_is_checked() {
    let good = Sap {
        local: address("10.0.0.1:80"),
    }
    .encode();
    let good = good.record.bytes();
    assert_eq!(Sap::parse(7, good), Err(FormatError::Type(7)));
    assert_eq!(parse_sap(&good[..31]), Err(FormatError::Length(31)));
    assert_eq!(parse_sap(&with(good, 0, &[2, 0])), Err(FormatError::Version(2)));
    assert_eq!(parse_sap(&with(good, 2, &[33, 0])), Err(FormatError::Size(33)));
    assert_eq!(parse_sap(&with(good, 4, &[3, 0])), Err(FormatError::Family(3)));
    assert_eq!(parse_sap(&with(good, 6, &[0, 0])), Err(FormatError::Port));
    assert_eq!(parse_sap(&with(good, 8, &[1])), Err(FormatError::Scope));
    assert_eq!(parse_sap(&with(good, 12, &[0; 4])), Err(FormatError::Address));
    assert_eq!(parse_sap(&with(good, 12, &[224])), Err(FormatError::Address));
    assert_eq!(parse_sap(&with(good, 16, &[1])), Err(FormatError::Address));
    assert_eq!(parse_sap(&with(good, 28, &[1])), Err(FormatError::Reserved));
    assert_eq!(FormatError::Port.in_sap(), Status::NDIS_INVALID_DATA);
}

/// Proves MAKE-03, QOS-02: as for SAPs.
#[test]
fn each_field_of_call_parameters_is_checked() {
    let encoded = call().encode();
    let good = encoded.record.bytes();
    assert_eq!(parse_call(&good[..100]), Err(FormatError::Length(100)));
    assert_eq!(parse_call(&with(good, 0, &[9, 0])), Err(FormatError::Version(9)));
    assert_eq!(parse_call(&with(good, 2, &[0, 0])), Err(FormatError::Size(0)));
    assert_eq!(parse_call(&with(good, 4, &[23, 0])), Err(FormatError::Family(2)));
    assert_eq!(parse_call(&with(good, 30, &[0, 0])), Err(FormatError::Port));
    let size = |size: u32| with(good, 52, &size.to_le_bytes());
    assert_eq!(parse_call(&size(0)), Err(FormatError::MessageSize(0)));
    assert_eq!(
        parse_call(&size(MAX_MESSAGE + 1)),
        Err(FormatError::MessageSize(MAX_MESSAGE + 1))
    );
    assert_eq!(parse_call(&with(good, 56, &[0, 0])), Err(FormatError::Depth(0)));
    assert_eq!(
        parse_call(&with(good, 56, &[1, 4])),
        Err(FormatError::Depth(1025))
    );
    assert_eq!(parse_call(&with(good, 58, &[1, 0])), Err(FormatError::Depth(1)));
    let greedy = with(&size(MAX_MESSAGE), 58, &[0, 4]);
    assert_eq!(parse_call(&greedy), Err(FormatError::Depth(1024)));
    assert_eq!(
        parse_call(&with(good, 60, &[41, 0])),
        Err(FormatError::PrivateData(41))
    );
    assert_eq!(parse_call(&with(good, 60, &[4, 0])), Err(FormatError::Reserved));
    assert_eq!(parse_call(&with(good, 62, &[1])), Err(FormatError::Reserved));
    assert_eq!(FormatError::Depth(0).in_call(), Status::NOT_SUPPORTED);
    assert_eq!(FormatError::Flow.in_change(), Status::NDIS_INVALID_DATA);
}

/// Proves VC-29: what cannot be promised is refused, or rounded where the client allows it, which it is told.
#[test]
fn flows_are_kept_refused_or_rounded() {
    let encoded = call().encode();
    let parse = |flow: &FLOWSPEC, round| {
        Call::parse(CALL_TYPE, encoded.record.bytes(), (flow, flow), round)
            .map(|(call, changed)| (call.flow.transmit, changed))
    };
    assert_eq!(parse(&flow_spec(100), false), Ok((100, false)));
    assert_eq!(parse(&flow_spec(QOS_NOT_SPECIFIED), false), Ok((4096, false)));
    assert_eq!(parse(&flow_spec(0), true), Err(FormatError::Flow));
    assert_eq!(parse(&flow_spec(5000), false), Err(FormatError::Flow));
    assert_eq!(parse(&flow_spec(5000), true), Ok((4096, true)));
    let rate = FLOWSPEC {
        TokenRate: 1_000_000,
        ..flow_spec(100)
    };
    assert_eq!(parse(&rate, false), Err(FormatError::Flow));
    assert_eq!(parse(&rate, true), Ok((100, true)));
}

#[test]
fn private_data_has_its_bound() {
    assert!(PrivateData::new(&[1; MAX_PRIVATE_DATA]).is_ok());
    assert_eq!(
        PrivateData::new(&[1; MAX_PRIVATE_DATA + 1]),
        Err(FormatError::PrivateData(41))
    );
}

#[test]
fn what_call_managers_tell_each_other_is_read_back() {
    let hello = Hello {
        message_size: 4096,
        takes: 1000,
    };
    let data = PrivateData::new(b"hello").expect("it is short");
    assert_eq!(Hello::parse(&hello.request(&data)), Ok((hello, data)));
    assert_eq!(Hello::parse(&hello.reply()), Ok((hello, PrivateData::EMPTY)));
    let flow = Flow {
        transmit: 1,
        receive: 2,
    };
    for (kind, length) in [
        (Kind::Data, 9),
        (Kind::Change(flow), 0),
        (Kind::Answer { accepted: true }, 0),
        (Kind::Close, 9),
    ] {
        let head = Head { kind, length };
        let received = HEAD as u32 + length;
        assert_eq!(Head::parse(head.bytes(), received), Ok(head));
        for lie in [received - 1, received + 1] {
            assert!(Head::parse(head.bytes(), lie).is_err(), "a length that lies");
        }
    }
}

proptest! {
    /// A peer may say anything: what is understood has legal sizes.
    #[test]
    fn a_peer_may_say_anything(mut bytes in proptest::array::uniform32(any::<u8>()), honest in any::<bool>(), received in 0_u32..64) {
        if honest {
            bytes[..8].copy_from_slice(b"CxVc\x01\x05\0\0");
        }
        if let Ok((hello, data)) = Hello::parse(&bytes) {
            prop_assert!(hello.takes >= 1 && hello.takes <= hello.message_size && hello.message_size <= MAX_MESSAGE);
            let again = hello.request(&data);
            prop_assert_eq!(again.len(), REQUEST_DATA);
            prop_assert_eq!(&again[..21], &bytes[..21]);
        }
        let head: [u8; HEAD] = bytes[16..].try_into().expect("sixteen bytes");
        if let Ok(head) = Head::parse(head, received) {
            prop_assert_eq!(head.length + HEAD as u32, received);
        }
    }

    /// Whatever bytes come, reading them ends with a value that encodes to the same bytes, or with an error.
    #[test]
    fn any_bytes_are_understood_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(sap) = parse_sap(&bytes) {
            let encoded = sap.encode();
 prop_assert_eq!(encoded.record.bytes(), bytes.as_slice());
        }
        if let Ok(call) = parse_call(&bytes) {
            let encoded = call.encode();
 prop_assert_eq!(encoded.record.bytes(), bytes.as_slice());
        }
    }

    /// One wrong byte in a good record changes what is read, or is refused.
    #[test]
    fn no_byte_is_without_a_meaning(at in 0_usize..104, value in any::<u8>()) {
        let encoded = call().encode();
        let changed = with(encoded.record.bytes(), at, &[value]);
        if let Ok(call) = parse_call(&changed) {
            let encoded = call.encode();
 prop_assert_eq!(encoded.record.bytes(), changed.as_slice());
        }
    }
}
