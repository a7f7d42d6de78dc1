//! Which of several machines an input belongs to.

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::invalid_input::InvalidInput;
use crate::uri::S3Uri;

const MAX_SHARDS: u32 = 10_000;

/// One of several shards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shard {
    /// From 0.
    index: u32,
    count: u32,
}

impl Shard {
    pub(super) fn new(number: u32, count: u32) -> Result<Self> {
        if !(1..=MAX_SHARDS).contains(&count) || !(1..=count).contains(&number) {
            return Err(InvalidInput::new(
                "shard",
                format!("{number}/{count}"),
                format!("K/N with K from 1 to N, and N at most {MAX_SHARDS}"),
                "number the machines from 1",
            )
            .into());
        }
        Ok(Self {
            index: number - 1,
            count,
        })
    }

    pub(super) fn has(self, uri: &S3Uri) -> bool {
        hash(uri) % u64::from(self.count) == u64::from(self.index)
    }
}

/// Must never change: a job that continues with another version would lose inputs, and submit others twice.
fn hash(uri: &S3Uri) -> u64 {
    let mut hash = Sha256::new();
    hash.update(uri.bucket());
    hash.update("/");
    hash.update(uri.key());
    let digest = hash.finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{Shard, hash};
    use crate::{InvalidInput, S3Uri};

    /// `printf 'bucket/a b' | sha256sum`, its first 16 digits.
    #[test]
    fn the_hash_is_the_documented_one() -> Result<(), InvalidInput> {
        assert_eq!(hash(&S3Uri::new("bucket", "a b")?), 0x4884_575a_3662_b581);
        assert_eq!(
            hash(&S3Uri::new("bucket", "\u{fc}/%2F+")?),
            0xbabf_3374_fda0_7597
        );
        Ok(())
    }

    #[test]
    fn shards_are_numbered_from_one() {
        for (number, count) in [(0, 3), (4, 3), (1, 0), (1, 10_001)] {
            assert!(Shard::new(number, count).is_err(), "{number}/{count}");
        }
        assert!(Shard::new(3, 3).is_ok() && Shard::new(10_000, 10_000).is_ok());
    }
}
