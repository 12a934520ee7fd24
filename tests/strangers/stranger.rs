//! A node on the wire that no host of the world is: it sends what it likes from where it likes, and listens to nothing.

use std::net::IpAddr;
use std::rc::Rc;

use cxndk::cm::mad::{
    CommId, Dreq, GSI_Q_KEY, IpCmHeader, Mad, Message, Path, Psn, Qpn, Req, ServiceId, TransportService,
};
use cxndk_testbed::connectx;
use cxndk_testbed::wire::headers::{Bth, Deth, Ethernet, Extended, Mac, Network};
use cxndk_testbed::wire::{Headers, Opcode, Packet};
use cxndk_testbed::world::Host;

/// Its station address, if anybody should want to know.
pub const MAC: [u8; 6] = [0x02, 0, 0x5e, 0, 0xee, 0xee];
/// QP1.
const GSI: u32 = 1;

/// See the module.
pub struct Stranger {
    device: Rc<connectx::Device>,
    mac: [u8; 6],
    from: IpAddr,
    to: IpAddr,
}

impl Stranger {
    /// One that talks to `host` from `from`.
    pub fn new(host: &Host, from: IpAddr) -> Self {
        let to = match from {
            IpAddr::V4(_) => host.ipv4.into(),
            IpAddr::V6(_) => host.ipv6.into(),
        };
        Self::to(host, from, to)
    }

    /// The same to another address of the host.
    pub fn to(host: &Host, from: IpAddr, to: IpAddr) -> Self {
        Self {
            device: Rc::clone(&host.device),
            mac: host.device.mac(),
            from,
            to,
        }
    }

    /// Sends a datagram to QP1.
    pub fn send(&self, mad: &Mad) {
        let mut bth = Bth::new(Opcode::UdSendOnly, GSI, 0);
        bth.solicited = true;
        let headers = Headers {
            ethernet: Ethernet {
                destination: Mac(self.mac),
                source: Mac(MAC),
                vlan: None,
            },
            network: Network::between(self.from, self.to, 0, 64).expect("one family"),
            source_port: 0xc123,
            udp_checksum: 0,
            bth,
            extended: Extended::Deth(Deth {
                q_key: GSI_Q_KEY,
                source_qpn: GSI,
            }),
        };
        let payload = &mad.encode();
        self.device.deliver_frame(&Packet { headers, payload }.encode());
    }

    /// Asks for the release of a connection that nobody has.
    pub fn release(&self, id: u32) {
        let dreq = Dreq {
            local_comm_id: CommId(id),
            remote_comm_id: CommId(!id),
            remote_qpn: Qpn::new(0x77),
            private_data: [0; 220],
        };
        self.send(&Mad::new(u64::from(id), Message::Dreq(dreq)));
    }

    /// Asks for a connection to `port` under the name `id`.
    pub fn request(&self, port: u16, id: u32) {
        self.send(&Mad::new(u64::from(id), Message::Req(self.req(port, id))));
    }

    /// What such a request says.
    pub fn req(&self, port: u16, id: u32) -> Req {
        let header = IpCmHeader {
            source_port: 50_000 + (id % 10_000) as u16,
            source: self.from,
            destination: self.to,
        };
        Req {
            local_comm_id: CommId(id),
            vendor_id: 0,
            service_id: ServiceId::tcp(port),
            local_ca_guid: 0x0200_5eff_fe00_eeee,
            local_q_key: 0,
            local_qpn: Qpn::new(0x1000 + id),
            responder_resources: 4,
            local_eecn: 0,
            initiator_depth: 4,
            remote_eecn: 0,
            remote_response_timeout: 18,
            transport: TransportService::Rc,
            flow_control: false,
            starting_psn: Psn::new(id),
            local_response_timeout: 18,
            retry_count: 7,
            p_key: 0xffff,
            path_mtu: 3,
            rdc_exists: false,
            rnr_retry_count: 7,
            max_cm_retries: 7,
            srq: false,
            extended_transport: 0,
            primary: Path {
                ack_timeout: 15,
                ..Path::default()
            },
            alternate: Path::default(),
            private_data: header.encode(b"hello"),
        }
    }
}
