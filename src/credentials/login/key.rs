//! The key of a login, and the proof of its possession (`DPoP`, RFC 9449).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use zeroize::Zeroizing;

/// A private key on the curve P-256. It has no `Debug`, because it is a secret.
pub(super) struct LoginKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl LoginKey {
    /// From PEM in the form of SEC 1 (`EC PRIVATE KEY`, what `aws login` writes) or PKCS #8, with the public
    /// key in it.
    pub(super) fn from_pem(pem: &str) -> Option<Self> {
        let lines = pem.lines().map(str::trim);
        let content: Zeroizing<String> =
            Zeroizing::new(lines.filter(|line| !line.starts_with("-----")).collect());
        let der = Zeroizing::new(STANDARD.decode(&*content).ok()?);
        let (private, public) = key_in(&der)?;
        let random = SystemRandom::new();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, private, public, &random);
        Some(Self {
            pair: pair.ok()?,
            random,
        })
    }

    /// The value of the header `DPoP` for a POST to `uri`, with a unique `id`.
    pub(super) fn proof(&self, uri: &str, now: SystemTime, id: &str) -> Option<String> {
        // An uncompressed point: 4, x, y.
        let (x, y) = self.pair.public_key().as_ref().get(1..65)?.split_at(32);
        let header = json!({
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": {
                "kty": "EC",
                "x": URL_SAFE_NO_PAD.encode(x),
                "y": URL_SAFE_NO_PAD.encode(y),
                "crv": "P-256",
            },
        });
        let payload = json!({
            "htm": "POST",
            "htu": uri,
            "iat": now.duration_since(UNIX_EPOCH).ok()?.as_secs(),
            "jti": id,
        });
        let encode = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const OCTET_STRING: u8 = 4;
const SEQUENCE: u8 = 0x30;
const PUBLIC_KEY: u8 = 0xa1;

/// The private and the public key in DER: `ECPrivateKey` of RFC 5915, alone or in `PrivateKeyInfo` of RFC 5208.
fn key_in(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut fields, _) = element(der, SEQUENCE)?;
    let (version, rest) = element(fields, INTEGER)?;
    if version == [0] {
        let (_algorithm, rest) = element(rest, SEQUENCE)?;
        let (key, _) = element(rest, OCTET_STRING)?;
        // It contains a key and not another wrapper, so this ends.
        return (element(element(key, SEQUENCE)?.0, INTEGER)?.0 == [1]).then(|| key_in(key))?;
    }
    fields = rest;
    let (private, mut fields) = element(fields, OCTET_STRING)?;
    loop {
        let (&tag, _) = fields.split_first()?;
        let (content, rest) = element(fields, tag)?;
        if tag == PUBLIC_KEY {
            let (bits, _) = element(content, BIT_STRING)?;
            // The number of unused bits in the last byte comes first.
            return Some((private, bits.strip_prefix(&[0])?));
        }
        fields = rest;
    }
}

/// The content of the element of this tag that `der` begins with, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PKCS #8 and the SEC 1 form in it, in PEM.
    fn pems() -> [String; 2] {
        let der = rcgen::KeyPair::generate().unwrap().serialize_der();
        let (fields, _) = element(&der, SEQUENCE).unwrap();
        let (_, rest) = element(fields, INTEGER).unwrap();
        let (_, rest) = element(rest, SEQUENCE).unwrap();
        let (sec1, _) = element(rest, OCTET_STRING).unwrap();
        [("PRIVATE KEY", &*der), ("EC PRIVATE KEY", sec1)].map(|(label, der)| {
            let text = STANDARD.encode(der);
            let (first, second) = text.split_at(64);
            format!("-----BEGIN {label}-----\n{first}\r\n{second}\n-----END {label}-----\n")
        })
    }

    #[test]
    fn a_proof_is_signed_with_the_key() {
        let now = UNIX_EPOCH + std::time::Duration::from_secs(1_767_323_045);
        for pem in pems() {
            let key = LoginKey::from_pem(&pem).unwrap();
            let proof = key
                .proof("https://example.com/v1/token", now, "id-1")
                .unwrap();
            let (signed, signature) = proof.rsplit_once('.').unwrap();
            let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
            let (header, payload) = signed.split_once('.').unwrap();
            let payload: serde_json::Value = serde_json::from_slice(&decode(payload)).unwrap();
            assert_eq!(payload["htu"], "https://example.com/v1/token");
            assert_eq!(payload["htm"], "POST");
            assert_eq!(payload["jti"], "id-1");
            assert_eq!(payload["iat"], 1_767_323_045);
            let header: serde_json::Value = serde_json::from_slice(&decode(header)).unwrap();
            assert_eq!(header["typ"], "dpop+jwt");
            let point = |name: &str| decode(header["jwk"][name].as_str().unwrap());
            let public = [vec![4], point("x"), point("y")].concat();
            let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED;
            ring::signature::UnparsedPublicKey::new(algorithm, public)
                .verify(signed.as_bytes(), &decode(signature))
                .unwrap();
        }
    }

    #[test]
    fn damaged_keys_are_no_keys() {
        let der = rcgen::KeyPair::generate().unwrap().serialize_der();
        for cut in 0..der.len() {
            let pem = STANDARD.encode(&der[..cut]);
            assert!(LoginKey::from_pem(&pem).is_none(), "{cut}");
        }
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0x85;
            // Any outcome but a panic.
            let _ = LoginKey::from_pem(&STANDARD.encode(&changed));
        }
        assert!(LoginKey::from_pem("").is_none());
        assert!(LoginKey::from_pem("-----BEGIN EC PRIVATE KEY-----\n!!\n").is_none());
    }
}
