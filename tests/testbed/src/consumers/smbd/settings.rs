//! What an SMB Direct side offers, and what the two sides agree on (MS-SMBD 3.1.5.2 and 3.1.5.3).

use super::SmbdError;
use super::message::{NegotiateRequest, NegotiateResponse, VERSION};

/// Least `MaxReceiveSize` that a peer may announce.
const MIN_RECEIVE_SIZE: u32 = 128;
/// Least `MaxFragmentedSize` that a peer may announce.
const MIN_FRAGMENTED_SIZE: u32 = 131_072;

/// The offer of one side; the defaults are those that MS-SMBD gives for Windows.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Receives to keep posted.
    pub receive_credit_max: u16,
    /// Send credits to ask for.
    pub send_credit_target: u16,
    /// Bytes of the largest message sent.
    pub max_send_size: u32,
    /// Bytes of the largest message received.
    pub max_receive_size: u32,
    /// Bytes of the largest upper-layer message reassembled.
    pub max_fragmented_size: u32,
    /// Bytes of the largest RDMA read or write (server).
    pub max_read_write_size: u32,
    /// Silence after which the peer is asked for a sign of life, in nanoseconds.
    pub keepalive_ns: u64,
    /// How long the sign of life may take, in nanoseconds.
    pub keepalive_answer_ns: u64,
    /// How long negotiation may take, in nanoseconds.
    pub negotiate_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            receive_credit_max: 255,
            send_credit_target: 255,
            max_send_size: 1364,
            max_receive_size: 8192,
            max_fragmented_size: 1_048_576,
            max_read_write_size: 8_388_608,
            keepalive_ns: 120_000_000_000,
            keepalive_answer_ns: 5_000_000_000,
            negotiate_ns: 120_000_000_000,
        }
    }
}

/// What holds after negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Bytes of the largest message to send.
    pub max_send_size: u32,
    /// Bytes of the largest message to receive.
    pub max_receive_size: u32,
    /// Bytes of the largest upper-layer message that the peer reassembles.
    pub peer_max_fragmented_size: u32,
    /// Receives that the peer wants posted.
    pub peer_credits_requested: u16,
    /// Send credits from the start.
    pub send_credits: u16,
    /// Largest RDMA read or write that the server does; 0 on the server itself.
    pub max_read_write_size: u32,
}

impl Settings {
    /// The client's first message.
    pub const fn request(&self) -> NegotiateRequest {
        NegotiateRequest {
            min_version: VERSION,
            max_version: VERSION,
            credits_requested: self.send_credit_target,
            preferred_send_size: self.max_send_size,
            max_receive_size: self.max_receive_size,
            max_fragmented_size: self.max_fragmented_size,
        }
    }

    /// What a server makes of a client's request.
    ///
    /// # Errors
    ///
    /// [`SmbdError::Negotiation`] names the value that MS-SMBD does not allow.
    pub fn accept(&self, request: &NegotiateRequest) -> Result<Agreed, SmbdError> {
        if request.min_version > VERSION || request.max_version < VERSION {
            return Err(SmbdError::Version(request.min_version, request.max_version));
        }
        positive("CreditsRequested", request.credits_requested)?;
        sizes(request.max_receive_size, request.max_fragmented_size)?;
        Ok(Agreed {
            max_send_size: self.max_send_size.min(request.max_receive_size),
            max_receive_size: self
                .max_receive_size
                .min(request.preferred_send_size)
                .max(MIN_RECEIVE_SIZE),
            peer_max_fragmented_size: request.max_fragmented_size,
            peer_credits_requested: request.credits_requested,
            send_credits: 0,
            max_read_write_size: 0,
        })
    }

    /// The server's answer, which grants `credits`.
    pub const fn response(&self, agreed: &Agreed, credits: u16) -> NegotiateResponse {
        NegotiateResponse {
            min_version: VERSION,
            max_version: VERSION,
            negotiated_version: VERSION,
            credits_requested: self.send_credit_target,
            credits_granted: credits,
            status: 0,
            max_read_write_size: self.max_read_write_size,
            preferred_send_size: agreed.max_send_size,
            max_receive_size: agreed.max_receive_size,
            max_fragmented_size: self.max_fragmented_size,
        }
    }

    /// What a client makes of the server's answer.
    ///
    /// # Errors
    ///
    /// [`SmbdError::Negotiation`] names the value that MS-SMBD does not allow.
    pub fn conclude(&self, response: &NegotiateResponse) -> Result<Agreed, SmbdError> {
        if response.status != 0 {
            return Err(SmbdError::Negotiation("Status", response.status));
        }
        if response.negotiated_version != VERSION {
            return Err(SmbdError::Version(
                response.negotiated_version,
                response.negotiated_version,
            ));
        }
        positive("CreditsRequested", response.credits_requested)?;
        positive("CreditsGranted", response.credits_granted)?;
        sizes(response.max_receive_size, response.max_fragmented_size)?;
        if response.preferred_send_size > self.max_receive_size {
            return Err(SmbdError::Negotiation(
                "PreferredSendSize",
                response.preferred_send_size,
            ));
        }
        Ok(Agreed {
            max_send_size: self.max_send_size.min(response.max_receive_size),
            max_receive_size: self
                .max_receive_size
                .min(response.preferred_send_size)
                .max(MIN_RECEIVE_SIZE),
            peer_max_fragmented_size: response.max_fragmented_size,
            peer_credits_requested: response.credits_requested,
            send_credits: response.credits_granted,
            max_read_write_size: response.max_read_write_size,
        })
    }
}

fn positive(name: &'static str, value: u16) -> Result<(), SmbdError> {
    if value == 0 {
        Err(SmbdError::Negotiation(name, 0))
    } else {
        Ok(())
    }
}

fn sizes(receive: u32, fragmented: u32) -> Result<(), SmbdError> {
    if receive < MIN_RECEIVE_SIZE {
        return Err(SmbdError::Negotiation("MaxReceiveSize", receive));
    }
    if fragmented < MIN_FRAGMENTED_SIZE {
        return Err(SmbdError::Negotiation("MaxFragmentedSize", fragmented));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_defaults_agree_on_messages_that_both_can_hold() {
        let side = Settings::default();
        let server = side.accept(&side.request()).unwrap();
        let client = side.conclude(&side.response(&server, 254)).unwrap();
        assert_eq!(server.max_send_size, 1364);
        assert_eq!(server.max_receive_size, 1364);
        assert_eq!(client.max_send_size, 1364);
        assert_eq!(client.send_credits, 254);
        assert_eq!(client.max_read_write_size, 8_388_608);
    }

    type Spoil = fn(&mut NegotiateRequest);

    #[test]
    fn values_that_the_protocol_forbids_are_refused_by_name() {
        let side = Settings::default();
        let cases: [(&str, Spoil); 3] = [
            ("CreditsRequested", |r| r.credits_requested = 0),
            ("MaxReceiveSize", |r| r.max_receive_size = 127),
            ("MaxFragmentedSize", |r| r.max_fragmented_size = 131_071),
        ];
        for (name, spoil) in cases {
            let mut request = side.request();
            spoil(&mut request);
            assert!(matches!(side.accept(&request), Err(SmbdError::Negotiation(n, _)) if n == name));
        }
        let mut request = side.request();
        request.min_version = 0x200;
        request.max_version = 0x200;
        assert!(matches!(
            side.accept(&request),
            Err(SmbdError::Version(0x200, 0x200))
        ));
    }
}
