//! A hand on the wire: changes or drops what one host sends.

use cxndk::cm::mad::{MAD_SIZE, Mad, Message, Req};
use cxndk_testbed::wire::{Opcode, Packet};
use cxndk_testbed::world::World;

/// From now on `edit` sees every CM message that a host sends, may change it, and says whether it goes out.
pub(crate) fn messages(world: &World, from: usize, edit: impl Fn(&mut Mad) -> bool + 'static) {
    let port = world.link.port(from);
    world.hosts[from].device.plug(move |frame| {
        if let Some(frame) = edited(frame, &edit) {
            port.transmit(frame);
        }
    });
}

/// From now on a host says what `edit` makes of its requests.
pub(crate) fn requests(world: &World, from: usize, edit: impl Fn(&mut Req) + 'static) {
    messages(world, from, move |mad| {
        if let Message::Req(req) = &mut mad.message {
            edit(req);
        }
        true
    });
}

/// From now on nothing that a host sends arrives.
pub(crate) fn silence(world: &World, from: usize) {
    world.hosts[from].device.plug(drop);
}

/// Takes the hand away.
pub(crate) fn nothing(world: &World, from: usize) {
    messages(world, from, |_| true);
}

/// The message of a frame that carries one.
pub(crate) fn message(frame: &[u8]) -> Option<Mad> {
    let packet = Packet::parse(frame).ok()?;
    if packet.headers.bth.opcode != Opcode::UdSendOnly {
        return None;
    }
    let mad: &[u8; MAD_SIZE] = packet.payload.try_into().ok()?;
    Mad::parse(mad).ok()
}

fn edited(frame: Vec<u8>, edit: &impl Fn(&mut Mad) -> bool) -> Option<Vec<u8>> {
    let Some(mut mad) = message(&frame) else {
        return Some(frame);
    };
    if !edit(&mut mad) {
        return None;
    }
    let payload = mad.encode();
    let headers = Packet::parse(&frame).expect("parsed before").headers;
    let packet = Packet {
        headers,
        payload: &payload,
    };
    Some(packet.encode())
}
