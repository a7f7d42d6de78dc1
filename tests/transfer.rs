//! Large inputs and outputs: from files and readers to S3, and from S3 to files, readers and writers.

mod support;

#[path = "transfer/download.rs"]
mod download;
#[path = "transfer/local.rs"]
mod local;
#[path = "transfer/upload.rs"]
mod upload;

/// Bytes that repeat nowhere near a part's size.
pub fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

pub const MIB: usize = 1 << 20;
