//! The head of a request, read strictly: what intermediaries and servers are known to read differently is
//! refused, so that no request can hide in another one.
//!
//! Source: RFC 9112, "HTTP/1.1", sections 2.2 (line ends), 3.2 (Host), 5 (field syntax), 6 (message body).

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http::uri::Authority;
use http::{Method, Version};

use super::response::Refusal;

/// The longest head that the server accepts; the services accept less.
pub(in crate::local) const MAX_HEAD: usize = 64 * 1024;
/// Maximum number of headers. An object may have 2 KiB of metadata, at two bytes a header.
const MAX_HEADERS: usize = 512;

/// The head of a request, the path and the query as they came over the wire.
#[derive(Debug)]
pub(in crate::local) struct Head {
    pub(in crate::local) method: Method,
    pub(in crate::local) path: String,
    pub(in crate::local) query: String,
    pub(in crate::local) headers: HeaderMap,
    pub(in crate::local) keep_alive: bool,
    /// Whether the client assumes otherwise unless the response says it: one of HTTP/1.0 does.
    pub(in crate::local) announces_keep_alive: bool,
    pub(in crate::local) framing: Framing,
    /// The client waits for `100 Continue` before it sends the body.
    pub(in crate::local) expects_continue: bool,
}

/// Where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum Framing {
    /// Neither a length nor chunks: there is no body.
    None,
    Length(u64),
    Chunks,
}

/// The result of parsing the bytes so far.
#[derive(Debug)]
pub(in crate::local) enum Parsed {
    /// The beginning of a head.
    Partial,
    /// A head and its length in bytes.
    Head(usize, Box<Head>),
    /// A head that is refused.
    Refused(Refusal),
}

impl Head {
    pub(in crate::local) fn parse(input: &[u8]) -> Parsed {
        let empty_lines = input.chunks(2).take_while(|pair| *pair == b"\r\n").count();
        let skipped = 2 * empty_lines;
        let length = match find_end(&input[skipped..]) {
            Err(refusal) => return Parsed::Refused(refusal),
            Ok(None) if input.len() > MAX_HEAD => return Parsed::Refused(too_large()),
            Ok(None) => return Parsed::Partial,
            Ok(Some(length)) => length,
        };
        let end = skipped + length;
        if end > MAX_HEAD {
            return Parsed::Refused(too_large());
        }
        match Self::of(&input[skipped..end]) {
            Ok(head) => Parsed::Head(end, Box::new(head)),
            Err(refusal) => Parsed::Refused(refusal),
        }
    }

    fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(bad_request("The request head is cut short."));
            }
            Err(httparse::Error::TooManyHeaders) => return Err(too_large()),
            Err(httparse::Error::Version) => {
                let message = "The HTTP version is not supported; use HTTP/1.1.";
                return Err(Refusal::new(505, "HTTPVersionNotSupported", message));
            }
            Err(error) => {
                return Err(bad_request(format!(
                    "The request is not HTTP/1.1: {error}."
                )));
            }
        }
        let version = match request.version {
            Some(1) => Version::HTTP_11,
            _ => Version::HTTP_10,
        };
        let method = request
            .method
            .map(|method| Method::from_bytes(method.as_bytes()));
        let mut headers = HeaderMap::new();
        for field in &*request.headers {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_bytes(field.value);
            match (name, value) {
                (Ok(name), Ok(value)) => drop(headers.append(name, value)),
                _ => return Err(bad_request("A header is malformed.")),
            }
        }
        let host = single(&headers, &HOST)?
            .filter(|host| !host.is_empty())
            .ok_or_else(|| bad_request("The Host header is missing."))?;
        if !is_host(host) {
            return Err(bad_request(format!(
                "The Host header is HOST or HOST:PORT, without a scheme or a path, not {host:?}."
            )));
        }
        let target = origin_form(request.path.unwrap_or_default(), host)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Self {
            method: method
                .and_then(Result::ok)
                .ok_or_else(|| bad_request("The method is malformed."))?,
            path: path.to_owned(),
            query: query.to_owned(),
            keep_alive: keeps_alive(version, &headers),
            announces_keep_alive: version == Version::HTTP_10,
            framing: framing(version, &headers)?,
            expects_continue: expects_continue(version, &headers)?,
            headers,
        })
    }

    /// The value of a header, if present and UTF-8.
    pub(in crate::local) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// All values of a header that is a list, separated by commas.
    pub(in crate::local) fn list(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

/// The length of the head in bytes, with the empty line; `None` if it is incomplete. Every line must end in CRLF:
/// a bare line feed ends a line for some servers and not for others.
fn find_end(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    // The end of a TLS handshake, or of anything else that does not begin with a letter, would never come.
    if bytes
        .first()
        .is_some_and(|first| !first.is_ascii_graphic() && *first != b'\r')
    {
        return Err(bad_request(
            "The request is not HTTP/1.1; this port speaks plain HTTP.",
        ));
    }
    let mut line_start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if at == 0 || bytes[at - 1] != b'\r' => {
                return Err(bad_request(
                    "A line of the head ends in a line feed without a carriage return.",
                ));
            }
            b'\n' if at - line_start == 1 => return Ok(Some(at + 1)),
            b'\n' => line_start = at + 1,
            0 => return Err(bad_request("The head holds a NUL byte.")),
            _ if at > 0 && bytes[at - 1] == b'\r' => {
                return Err(bad_request(
                    "The head holds a carriage return without a line feed.",
                ));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Whether this has the form of a `Host`: a name or an address, with or without a port.
fn is_host(value: &str) -> bool {
    let Ok(authority) = value.parse::<Authority>() else {
        return false;
    };
    let after = value.strip_prefix(authority.host());
    after.is_some_and(|after| {
        let digits = after.strip_prefix(':');
        after.is_empty()
            || digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The path and the query. Clients of a proxy send the whole URL; its host must be the one of `Host`.
fn origin_form<'a>(target: &'a str, host: &str) -> Result<&'a str, Refusal> {
    let path = match target.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => {
            let rest = &target[7..];
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            if !rest[..end].eq_ignore_ascii_case(host) {
                return Err(bad_request(
                    "The host of the request target is not the one of the Host header.",
                ));
            }
            match &rest[end..] {
                "" => "/",
                path => path,
            }
        }
        _ => target,
    };
    if path.starts_with('/') && !path.contains('#') {
        Ok(path)
    } else {
        Err(bad_request("The request target is not a path."))
    }
}

/// The only value of a header.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(bad_request(format!(
            "The {name} header occurs more than once."
        )));
    }
    value
        .map(|value| value.to_str().map(str::trim))
        .transpose()
        .map_err(|_| bad_request(format!("The {name} header is malformed.")))
}

fn framing(version: Version, headers: &HeaderMap) -> Result<Framing, Refusal> {
    let length = single(headers, &CONTENT_LENGTH)?;
    let coding = single(headers, &TRANSFER_ENCODING)?;
    match (length, coding) {
        (None, None) => Ok(Framing::None),
        (Some(_), Some(_)) => Err(bad_request(
            "Content-Length and Transfer-Encoding exclude each other.",
        )),
        (Some(length), None) => {
            let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
            let length = length.parse().ok().filter(|_| digits);
            length
                .map(Framing::Length)
                .ok_or_else(|| bad_request("The Content-Length header is not a number."))
        }
        (None, Some(_)) if version != Version::HTTP_11 => {
            Err(bad_request("Transfer-Encoding needs HTTP/1.1."))
        }
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunks),
        (None, Some(coding)) => {
            let mut codings = coding.split(',').map(str::trim);
            if codings.any(|coding| coding.eq_ignore_ascii_case("chunked")) {
                return Err(bad_request(
                    "Of the transfer codings only chunked alone is supported.",
                ));
            }
            Err(Refusal::new(
                501,
                "NotImplemented",
                "The transfer coding is not supported; use Content-Length or chunked.",
            ))
        }
    }
}

/// HTTP/1.0 has no interim responses.
fn expects_continue(version: Version, headers: &HeaderMap) -> Result<bool, Refusal> {
    match single(headers, &EXPECT)? {
        None | Some("") => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("100-continue") => {
            Ok(version == Version::HTTP_11)
        }
        Some(_) => Err(Refusal::new(
            417,
            "ExpectationFailed",
            "The only expectation that is supported is 100-continue.",
        )),
    }
}

fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let says = |word: &str| {
        let values = headers.get_all(CONNECTION).iter();
        let mut options = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        options.any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    if version == Version::HTTP_11 {
        !says("close")
    } else {
        says("keep-alive")
    }
}

pub(in crate::local) fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "BadRequest", message)
}

fn too_large() -> Refusal {
    Refusal::new(
        431,
        "RequestHeaderSectionTooLarge",
        "Your request header section exceeds the maximum allowed size.",
    )
    .detail("MaxSizeAllowed", MAX_HEAD.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> Result<Framing, u16> {
        match Head::parse(head.as_bytes()) {
            Parsed::Head(length, head_) => {
                assert_eq!(length, head.len());
                Ok(head_.framing)
            }
            Parsed::Partial => Err(0),
            Parsed::Refused(refusal) => Err(refusal.status),
        }
    }

    #[test]
    fn heads_are_read_as_they_come() {
        let whole = "\r\nPUT /b/k?x=%20 HTTP/1.1\r\nhost: h\r\ncontent-length: 12\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(status(&whole[..end]), Err(0), "{end}");
        }
        assert_eq!(status(whole), Ok(Framing::Length(12)));
        let absolute = "GET http://h/b?q HTTP/1.1\r\nHost: H\r\n\r\n";
        let Parsed::Head(_, head) = Head::parse(absolute.as_bytes()) else {
            panic!("a head");
        };
        assert_eq!((head.path.as_str(), head.query.as_str()), ("/b", "q"));
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let with = |fields: &str| status(&format!("PUT / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
        assert_eq!(with(""), Ok(Framing::None));
        assert_eq!(with("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunks));
        for fields in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length : 1\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "X: a\r\n b\r\n",
            "X: a\nY: b\r\n",
            "X: a\rY: b\r\n",
            "X: \0\r\n",
            "Host: other\r\n",
        ] {
            assert_eq!(with(fields), Err(400), "{fields:?}");
        }
        assert_eq!(with("Transfer-Encoding: gzip\r\n"), Err(501));
        assert_eq!(with("Expect: magic\r\n"), Err(417));
        // A list without members.
        assert_eq!(with("Expect: \r\n"), Ok(Framing::None));
        for (head, wanted) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: http://h:80\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h/b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a@h\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h, h\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
            ("GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/1.1\nHost: h\n\n", 400),
            ("\u{16}\u{3}\u{1}", 400),
        ] {
            assert_eq!(status(head), Err(wanted), "{head:?}");
        }
    }
}
