//! The number and size of the parts of a payload, and how many are in transit at a time.

use crate::session::transfer_config::TransferConfig;

const MIB: u64 = 1 << 20;

/// S3's limit, from "Amazon S3 multipart upload limits" in its user guide.
const MAX_PARTS: u64 = 10_000;

/// One connection to S3 carries some hundred megabytes a second at best.
const DEFAULT_PARALLELISM: usize = 4;

/// A download begins with this many connections, and [adds](super::growth) those that make it faster.
const FIRST: usize = 2;

/// How a payload is sent in parts, or fetched in ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) part_size: u64,
    pub(crate) parallelism: usize,
    /// How many connections a download begins with.
    pub(crate) first: usize,
}

impl Plan {
    /// For a payload of this length; `None` if one request does.
    pub(crate) fn of(config: &TransferConfig, len: u64) -> Option<Self> {
        if len <= config.multipart_threshold() {
            return None;
        }
        let chosen =
            config
                .part_size()
                .unwrap_or(if len <= 512 * MIB { 8 * MIB } else { 16 * MIB });
        let part_size = chosen.max(len.div_ceil(MAX_PARTS));
        let parallelism = config.parallelism().unwrap_or(DEFAULT_PARALLELISM);
        let parts = usize::try_from(len.div_ceil(part_size)).unwrap_or(usize::MAX);
        Some(Self::new(config, part_size, parallelism.min(parts)))
    }

    /// For a payload whose length is not known yet; at most the service's limit is sent.
    pub(crate) fn of_unknown(config: &TransferConfig, limit: u64) -> Self {
        let chosen = config.part_size().unwrap_or(8 * MIB);
        let parallelism = config.parallelism().unwrap_or(DEFAULT_PARALLELISM);
        Self::new(config, chosen.max(limit.div_ceil(MAX_PARTS)), parallelism)
    }

    /// A number that the caller set is used from the start.
    fn new(config: &TransferConfig, part_size: u64, parallelism: usize) -> Self {
        let first = config.parallelism().unwrap_or(FIRST);
        Self {
            part_size,
            parallelism,
            first: first.min(parallelism),
        }
    }

    /// The number of parts.
    pub(crate) fn parts(&self, len: u64) -> u64 {
        len.div_ceil(self.part_size)
    }

    /// Where part number `index` (from 0) begins, and its length.
    pub(crate) fn part(&self, index: u64, len: u64) -> (u64, u64) {
        let start = index * self.part_size;
        (start, self.part_size.min(len - start))
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PARTS, MIB, Plan};
    use crate::TransferConfig;
    use crate::session::transfer_config::MIN_PART;

    fn plan(len: u64) -> Option<(u64, usize)> {
        let plan = Plan::of(&TransferConfig::default(), len)?;
        Some((plan.part_size / MIB, plan.parallelism))
    }

    #[test]
    fn the_table_in_the_docs_is_right() {
        assert_eq!(plan(0), None);
        assert_eq!(plan(16 * MIB), None);
        assert_eq!(plan(16 * MIB + 1), Some((8, 3)));
        assert_eq!(plan(24 * MIB + 1), Some((8, 4)));
        assert_eq!(plan(512 * MIB), Some((8, 4)));
        assert_eq!(plan(512 * MIB + 1), Some((16, 4)));
        assert_eq!(plan(1024 * MIB), Some((16, 4)));
    }

    #[test]
    fn a_download_begins_with_two_connections_or_with_the_callers() {
        let first = |config: &TransferConfig| Plan::of(config, 1024 * MIB).map(|plan| plan.first);
        assert_eq!(first(&TransferConfig::default()), Some(2));
        let config = TransferConfig::builder().parallelism(7).build();
        assert_eq!(first(&config.expect("within the limits")), Some(7));
    }

    #[test]
    fn parts_cover_the_payload_within_the_limits_of_s3() {
        for _ in 0..10_000 {
            let size = fastrand::u64(MIN_PART..64 * MIB);
            let config = TransferConfig::builder()
                .part_size(size)
                .multipart_threshold(fastrand::u64(..64 * MIB))
                .build()
                .expect("within the limits");
            let len = fastrand::u64(1..5 << 40);
            let Some(plan) = Plan::of(&config, len) else {
                assert!(len <= config.multipart_threshold());
                continue;
            };
            let parts = plan.parts(len);
            assert!((1..=MAX_PARTS).contains(&parts));
            assert!(plan.part_size >= size);
            let (start, last) = plan.part(parts - 1, len);
            assert_eq!(start + last, len);
            assert!((1..=plan.part_size).contains(&last));
        }
    }
}
