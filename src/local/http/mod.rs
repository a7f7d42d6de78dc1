//! HTTP/1.1 on the local endpoint's connections: requests in, responses out.

pub(super) mod budget;
pub(super) mod chunked;
pub(super) mod connections;
pub(super) mod dechunk;
pub(super) mod head;
pub(super) mod http1;
pub(super) mod payload;
pub(super) mod response;
