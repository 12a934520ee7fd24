//! RoCE connection management: InfiniBand CM messages on QP1 with the RDMA IP CM service.

pub mod mad;
