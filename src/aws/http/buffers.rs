//! The buffers of a socket.

use std::ops::Range;

use ureq::unversioned::transport::Buffers;

use super::route::OUTPUT_BUFFER;

/// Enough for the response of a poll.
const FIRST_INPUT: usize = 16 << 10;
/// The input grows up to this size. The head of a response has to fit.
const MAX_INPUT: usize = 128 << 10;
/// The least room for a piece of a request's body that is sent in chunks, as in `ureq`'s own buffers.
const MIN_PIECE: usize = 10 << 10;

/// As `ureq`'s `LazyBuffers`, which have 128 KiB for each direction from the first request on, even if a connection is
/// only used for polls.
pub(super) struct SocketBuffers {
    input: Vec<u8>,
    /// What has been received and not consumed.
    unread: Range<usize>,
    /// Whether what came last left hardly any room.
    is_small: bool,
    output: Vec<u8>,
    /// Whether anything was consumed the last time. If not, what is unread is of no use before more comes.
    progress: bool,
}

impl SocketBuffers {
    pub(super) fn new() -> Self {
        Self {
            input: vec![0; FIRST_INPUT],
            unread: 0..0,
            is_small: false,
            output: vec![0; OUTPUT_BUFFER],
            progress: false,
        }
    }

    fn make_room(&mut self) {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.start > 0 && self.unread.end > self.input.len() / 2 {
            self.input.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        if std::mem::take(&mut self.is_small) && self.input.len() < MAX_INPUT {
            self.input.resize(2 * self.input.len(), 0);
        }
    }
}

impl Buffers for SocketBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.unread.clone()]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
        &mut self.input[self.unread.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.unread.end += amount;
        let left = self.input.len() - self.unread.end;
        self.is_small = left < self.input.len() / 8;
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.unread.start += amount;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.make_room();
        let least = self.unread.end + MIN_PIECE;
        if self.input.len() < least {
            self.input.resize(least, 0);
        }
        (&mut self.input[self.unread.end..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        !self.unread.is_empty() && self.progress
    }
}

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::Buffers as _;

    use super::{FIRST_INPUT, MAX_INPUT, SocketBuffers};

    /// Receives as much as fits, up to `most` bytes, whose values count on from `next`.
    fn receive(buffers: &mut SocketBuffers, next: &mut u8, most: usize) -> usize {
        let room = buffers.input_append_buf();
        let amount = room.len().min(most);
        for byte in &mut room[..amount] {
            *byte = *next;
            *next = next.wrapping_add(1);
        }
        buffers.input_appended(amount);
        amount
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut buffers = SocketBuffers::new();
        let (mut next, mut expected) = (0_u8, 0_u8);
        for _ in 0..20_000 {
            receive(&mut buffers, &mut next, fastrand::usize(1..20_000));
            let amount = fastrand::usize(0..=buffers.input().len());
            for byte in &buffers.input()[..amount] {
                assert_eq!(*byte, expected);
                expected = expected.wrapping_add(1);
            }
            buffers.input_consume(amount);
            assert_eq!(
                buffers.can_use_input(),
                amount > 0 && !buffers.input().is_empty()
            );
        }
    }

    #[test]
    fn it_grows_while_it_is_filled_and_not_for_small_responses() {
        let (mut buffers, mut next) = (SocketBuffers::new(), 0);
        for _ in 0..100 {
            assert_eq!(receive(&mut buffers, &mut next, 1000), 1000);
            buffers.input_consume(1000);
        }
        assert_eq!(buffers.input_append_buf().len(), FIRST_INPUT);
        let mut largest = 0;
        for _ in 0..10 {
            largest = receive(&mut buffers, &mut next, usize::MAX);
            buffers.input_consume(largest);
        }
        assert_eq!(largest, MAX_INPUT);
        // A head that is not consumed before its end: all of it fits.
        let (mut buffers, mut head) = (SocketBuffers::new(), 0);
        while head < MAX_INPUT {
            let amount = receive(&mut buffers, &mut next, usize::MAX);
            assert!(amount > 0);
            head += amount;
            buffers.input_consume(0);
        }
    }
}
