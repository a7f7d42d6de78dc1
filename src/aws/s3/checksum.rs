//! The checksums that S3 stores with objects (`x-amz-checksum-...`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::aws::config::Settings;
use crate::error::{ConfigError, Error, TransferError, TransferErrorKind};
use crate::uri::S3Uri;

/// Which checksums are used beyond those that S3 requires; the SDKs' settings for stores that do not have them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChecksumSettings {
    /// Whether uploads may have one.
    pub(crate) of_uploads: bool,
    /// Whether those of results are requested and compared.
    pub(crate) of_results: bool,
}

impl ChecksumSettings {
    /// Reads environment and profile.
    pub(crate) fn from_settings(settings: &Settings<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            of_uploads: when_supported(
                settings,
                "AWS_REQUEST_CHECKSUM_CALCULATION",
                "request_checksum_calculation",
            )?,
            of_results: when_supported(
                settings,
                "AWS_RESPONSE_CHECKSUM_VALIDATION",
                "response_checksum_validation",
            )?,
        })
    }
}

fn when_supported(settings: &Settings<'_>, variable: &str, key: &str) -> Result<bool, ConfigError> {
    // Files that are needed for other settings fail there; for this one alone none is needed.
    let Ok(Some(found)) = settings.find(variable, key) else {
        return Ok(true);
    };
    match found.value.to_ascii_lowercase().as_str() {
        "when_supported" => Ok(true),
        "when_required" => Ok(false),
        _ => Err(found.problem(
            format!("{:?} is not a choice", found.value),
            "set it to when_supported or when_required, or remove it",
        )),
    }
}

/// A checksum algorithm. S3's others (SHA-512, MD5, `XXHash`) are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc64Nvme,
    Crc32c,
    Crc32,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// The fastest first. Objects rarely have more than one.
    pub(crate) const ALL: [Self; 5] = [
        Self::Crc64Nvme,
        Self::Crc32c,
        Self::Crc32,
        Self::Sha1,
        Self::Sha256,
    ];

    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Whether the checksums of two pieces can be combined into that of both.
    pub(crate) fn combines(self) -> bool {
        self.crc().is_some()
    }

    /// Length of a checksum in bytes.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Crc64Nvme => 8,
            Self::Crc32c | Self::Crc32 => 4,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// A running checksum.
#[derive(Clone)]
pub(crate) struct Checksum(Inner);

#[derive(Clone)]
enum Inner {
    Crc(crc_fast::Digest, usize),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self(match (algorithm, algorithm.crc()) {
            (_, Some(crc)) => Inner::Crc(crc_fast::Digest::new(crc), algorithm.width()),
            (Algorithm::Sha1, None) => Inner::Sha1(Sha1::new()),
            (_, None) => Inner::Sha256(Sha256::new()),
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Crc(digest, _) => digest.update(bytes),
            Inner::Sha1(digest) => digest.update(bytes),
            Inner::Sha256(digest) => digest.update(bytes),
        }
    }

    /// Appends the checksum of the piece that follows, for an algorithm that
    /// [combines](Algorithm::combines).
    pub(crate) fn append(&mut self, next: &Self) {
        if let (Inner::Crc(digest, _), Inner::Crc(next, _)) = (&mut self.0, &next.0) {
            digest.combine(next);
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            // The lowest `width` bytes, the most significant first.
            Inner::Crc(digest, width) => digest.finalize().to_be_bytes()[8 - width..].to_vec(),
            Inner::Sha1(digest) => digest.finalize().to_vec(),
            Inner::Sha256(digest) => digest.finalize().to_vec(),
        }
    }

    /// As in headers.
    pub(crate) fn into_base64(self) -> String {
        STANDARD.encode(self.into_bytes())
    }

    /// As in a signature's SHA-256.
    pub(crate) fn into_hex(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.into_bytes()
            .into_iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }
}

/// The whole object's checksum as the service reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) algorithm: Algorithm,
    pub(crate) base64: String,
}

impl Expected {
    /// From the headers of a response with the whole object. A checksum of checksums, as multipart uploads may
    /// leave it (`...-12`, type `COMPOSITE`), is not one of the whole object.
    pub(crate) fn of_object(headers: &HeaderMap) -> Option<Self> {
        let composite = headers
            .get("x-amz-checksum-type")
            .is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"COMPOSITE"));
        Algorithm::ALL.into_iter().find_map(|algorithm| {
            let base64 = headers.get(algorithm.header())?.to_str().ok()?.trim();
            let whole = STANDARD
                .decode(base64)
                .is_ok_and(|bytes| bytes.len() == algorithm.width());
            (whole && !composite).then(|| Self {
                algorithm,
                base64: base64.to_owned(),
            })
        })
    }
}

impl Expected {
    /// A running checksum, to be updated and then compared.
    pub(crate) fn start(&self) -> Checksum {
        Checksum::new(self.algorithm)
    }

    /// Whether the received bytes are those that the service stored.
    pub(crate) fn check(&self, came: Checksum, uri: &S3Uri) -> Result<(), Error> {
        let came = came.into_base64();
        if came == self.base64 {
            return Ok(());
        }
        let (header, stored) = (self.algorithm.header(), &self.base64);
        let difference = format!("{header} is {stored}, and the received bytes have {came}");
        Err(TransferError::new(TransferErrorKind::Corrupt, uri)
            .with_source(difference)
            .into())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Algorithm, Checksum, Expected};

    fn of(algorithm: Algorithm, bytes: &[u8]) -> Checksum {
        let mut checksum = Checksum::new(algorithm);
        checksum.update(bytes);
        checksum
    }

    /// "123456789", the check value of the catalogues of CRCs (`CRC-32/ISO-HDLC`, `CRC-32/ISCSI`,
    /// `CRC-64/NVME`) and, for SHA-256, of `sha256sum`.
    #[test]
    fn known_values() {
        let hex = |algorithm| of(algorithm, b"123456789").into_hex();
        assert_eq!(hex(Algorithm::Crc32), "cbf43926");
        assert_eq!(hex(Algorithm::Crc32c), "e3069283");
        assert_eq!(hex(Algorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(
            hex(Algorithm::Sha256),
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
        );
        assert_eq!(of(Algorithm::Crc32, b"123456789").into_base64(), "y/Q5Jg==");
    }

    #[test]
    fn pieces_make_the_whole_wherever_they_are_cut() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| (n * 7 % 251) as u8).collect();
        for algorithm in Algorithm::ALL.into_iter().filter(|a| a.combines()) {
            for cut in [0, 1, 499, 999, 1000] {
                let mut first = of(algorithm, &bytes[..cut]);
                first.append(&of(algorithm, &bytes[cut..]));
                let whole = of(algorithm, &bytes).into_base64();
                assert_eq!(first.into_base64(), whole, "{algorithm:?} at {cut}");
            }
        }
    }

    #[test]
    fn only_checksums_of_the_whole_count() {
        let expected = |pairs: &[(&str, &str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| {
                    let name: HeaderName = name.parse().expect("a name");
                    (name, HeaderValue::from_str(value).expect("a value"))
                })
                .collect();
            Expected::of_object(&headers).map(|expected| expected.algorithm)
        };
        let crc32 = ("x-amz-checksum-crc32", "y/Q5Jg==");
        assert_eq!(expected(&[crc32]), Some(Algorithm::Crc32));
        assert_eq!(
            expected(&[crc32, ("x-amz-checksum-type", "FULL_OBJECT")]),
            Some(Algorithm::Crc32)
        );
        assert_eq!(
            expected(&[crc32, ("x-amz-checksum-type", "COMPOSITE")]),
            None
        );
        assert_eq!(expected(&[("x-amz-checksum-crc32", "y/Q5Jg==-2")]), None);
        assert_eq!(expected(&[("x-amz-checksum-crc32", "not base64")]), None);
        assert_eq!(expected(&[("x-amz-checksum-crc32", "")]), None);
        assert_eq!(expected(&[("x-amz-checksum-sha1", "y/Q5Jg==")]), None);
        assert_eq!(expected(&[]), None);
    }
}
