//! Strict decoding of `Transfer-Encoding: chunked`.
//!
//! Source: RFC 9112, section 7.1.

use std::io;

/// The longest line between chunks, and the longest trailer section.
const MAX_LINE: usize = 4096;

/// Decodes chunks as they arrive.
#[derive(Debug)]
pub(in crate::local) struct Dechunker {
    state: State,
    /// Number of bytes of the trailer section so far.
    trailer: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    /// The line end after a chunk.
    DataEnd,
    Trailer,
    End,
}

/// Why no more of a body is decoded.
#[derive(Debug)]
pub(in crate::local) enum DechunkError {
    /// The body is not in chunks.
    Malformed,
    /// The data could not be passed on.
    Data(io::Error),
}

impl Dechunker {
    pub(in crate::local) fn new() -> Self {
        Self {
            state: State::Size,
            trailer: 0,
        }
    }

    pub(in crate::local) fn is_ended(&self) -> bool {
        self.state == State::End
    }

    /// Decodes what it can, passes the data on, and returns the number of bytes consumed. The rest is incomplete, or
    /// follows the end of the body.
    pub(in crate::local) fn take(
        &mut self,
        input: &[u8],
        mut data: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<usize, DechunkError> {
        let mut at = 0;
        while at < input.len() && self.state != State::End {
            let rest = &input[at..];
            if let State::Data(left) = self.state {
                let most = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                data(&rest[..most]).map_err(DechunkError::Data)?;
                at += most;
                let left = left - most as u64;
                self.state = if left == 0 {
                    State::DataEnd
                } else {
                    State::Data(left)
                };
                continue;
            }
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > MAX_LINE {
                    return Err(DechunkError::Malformed);
                }
                break;
            };
            let Some(line) = rest[..end].strip_suffix(b"\r") else {
                return Err(DechunkError::Malformed);
            };
            at += end + 1;
            if end > MAX_LINE || self.line(line).is_none() {
                return Err(DechunkError::Malformed);
            }
        }
        Ok(at)
    }

    fn line(&mut self, line: &[u8]) -> Option<()> {
        self.state = match self.state {
            State::Size => match chunk_size(line)? {
                0 => State::Trailer,
                size => State::Data(size),
            },
            State::DataEnd if line.is_empty() => State::Size,
            State::Trailer if line.is_empty() => State::End,
            State::Trailer => {
                // Trailer fields are not used and are dropped, as the RFC allows.
                self.trailer += line.len();
                return (self.trailer <= MAX_LINE && is_field(line)).then_some(());
            }
            State::DataEnd | State::Data(_) | State::End => return None,
        };
        Some(())
    }
}

/// Hexadecimal digits, optionally followed by extensions, which are ignored.
pub(in crate::local) fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(line.len());
    let (digits, extensions) = line.split_at(end);
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) || *byte == b'\t';
    if digits.is_empty()
        || !digits.iter().all(u8::is_ascii_hexdigit)
        || !extensions.iter().all(plain)
    {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < line.len() && http::HeaderName::from_bytes(name).is_ok() && !line.contains(&b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data and the number of bytes consumed, however the input is split.
    fn taken(body: &str) -> Option<(String, usize)> {
        let mut found = Vec::new();
        for step in [1, 2, 7, body.len().max(1)] {
            let (mut dechunker, mut data, mut at, mut end) = (Dechunker::new(), Vec::new(), 0, 0);
            while end < body.len() && !dechunker.is_ended() {
                end = body.len().min(end + step);
                let took = dechunker.take(&body.as_bytes()[at..end], |bytes| {
                    data.extend_from_slice(bytes);
                    Ok(())
                });
                at += took.ok()?;
            }
            found.push(
                dechunker
                    .is_ended()
                    .then(|| (String::from_utf8(data).expect("text"), at))?,
            );
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{found:?}");
        found.pop()
    }

    #[test]
    fn chunks_make_a_body() {
        let whole = "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";
        assert_eq!(
            taken(whole),
            Some(("abc0123456789".to_owned(), whole.len()))
        );
        assert_eq!(
            taken(&format!("{whole}GET")),
            Some(("abc0123456789".to_owned(), whole.len()))
        );
        for end in 1..whole.len() {
            assert_eq!(taken(&whole[..end]), None, "{end}");
        }
    }

    #[test]
    fn odd_chunks_are_malformed() {
        for body in [
            "+3\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "-1\r\n\r\n",
            "\r\n\r\n",
            "g\r\n\r\n",
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nabc0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "10000000000000000\r\n",
            "0\r\nno field\r\n\r\n",
            "0\r\n: x\r\n\r\n",
            "0\r\n\n",
        ] {
            assert_eq!(taken(body), None, "{body:?}");
        }
    }
}
