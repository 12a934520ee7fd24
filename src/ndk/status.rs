//! What becomes of requests, as consumers read it: refused posts and completions as NDK statuses.

use crate::{
    hw::{CqeSyndrome, PostError},
    nt::Status,
};

/// A request was not accepted (QP-13, QP-26).
pub const fn of_post(error: PostError) -> Status {
    match error {
        PostError::Full => Status::NO_MORE_ENTRIES,
        PostError::TooManySges => Status::DATA_OVERRUN,
        PostError::TooMuchInline | PostError::TooLong => Status::BUFFER_OVERFLOW,
        PostError::TooManyPages | PostError::UnalignedPage => Status::INVALID_PARAMETER,
    }
}

/// A request completed with an error; see the status vocabulary of the queue pair rules.
pub const fn of_completion(syndrome: CqeSyndrome, receive: bool) -> Status {
    match syndrome {
        CqeSyndrome::Flushed => Status::CANCELLED,
        CqeSyndrome::LocalLength if receive => Status::BUFFER_OVERFLOW,
        CqeSyndrome::LocalLength => Status::DATA_OVERRUN,
        CqeSyndrome::LocalProtection | CqeSyndrome::LocalAccess => Status::ACCESS_VIOLATION,
        CqeSyndrome::LocalQpOperation | CqeSyndrome::MemoryWindowBind => Status::INVALID_DEVICE_REQUEST,
        CqeSyndrome::RemoteInvalidRequest
        | CqeSyndrome::RemoteAccess
        | CqeSyndrome::RemoteOperation
        | CqeSyndrome::RemoteAborted
        | CqeSyndrome::BadResponse => Status::REMOTE_RESOURCES,
        CqeSyndrome::TransportRetryExceeded | CqeSyndrome::RnrRetryExceeded => Status::IO_TIMEOUT,
        CqeSyndrome::Unknown(_) => Status::INTERNAL_ERROR,
    }
}
