//! CA bundles in the forms that occur.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::tls::Certificate;

/// The certificates of a bundle, or what is wrong with it.
///
/// Taken as OpenSSL and Python take them, and more: lines that are joined or indented, comments between
/// certificates, keys and other blocks (passed over), a byte order mark, UTF-16, `TRUSTED CERTIFICATE`
/// and `X509 CERTIFICATE`, and one certificate in DER.
pub(crate) fn certificates(bundle: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let ders = if bundle.first() == Some(&0x30) && der_length(bundle) == Some(bundle.len()) {
        vec![bundle.to_vec()]
    } else {
        blocks(&text(bundle))?
    };
    if ders.is_empty() {
        return Err("has no certificate in it".into());
    }
    let usable = ders.into_iter().enumerate().map(|(index, der)| {
        rustls::RootCertStore::empty()
            .add(der.as_slice().into())
            .map_err(|error| {
                let number = index + 1;
                format!("certificate {number} in it cannot be a root ({error})")
            })?;
        Ok(Certificate::from_der(&der).to_owned())
    });
    usable.collect()
}

/// Files from Windows may be UTF-16.
fn text(bundle: &[u8]) -> Cow<'_, str> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bundle {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        // A comment in some other encoding is a comment.
        bundle => String::from_utf8_lossy(bundle),
    }
}

const DASHES: &str = "-----";

fn blocks(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut ders: Vec<Vec<u8>> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        let begun = &rest[start + "-----BEGIN ".len()..];
        let number = ders.len() + 1;
        let label_end = begun.find(DASHES);
        let label = label_end.map_or("", |end| &begun[..end]).trim();
        let is_certificate = matches!(
            label,
            "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE"
        );
        let body = label_end.map_or("", |end| &begun[end + DASHES.len()..]);
        let end = body.find("-----END ");
        // A block that runs into the next one has no END line.
        let next = body.find("-----BEGIN ");
        let whole = end.filter(|end| next.is_none_or(|next| *end < next));
        let Some(end) = whole else {
            return Err(format!("certificate {number} in it has no END line"));
        };
        if is_certificate {
            let encoded: String = body[..end].chars().filter(|c| !c.is_whitespace()).collect();
            let der = STANDARD
                .decode(encoded)
                .map_err(|_| format!("certificate {number} in it is not base64"))?;
            // Behind a TRUSTED CERTIFICATE come OpenSSL's own notes on what it is trusted for.
            let length = der_length(&der)
                .filter(|length| *length <= der.len())
                .unwrap_or(der.len());
            ders.push(der[..length].to_vec());
        } else if label.starts_with("PKCS7") {
            return Err("is in PKCS#7: turn it into PEM with `openssl pkcs7 -print_certs`".into());
        }
        rest = &body[end + "-----END ".len()..];
        rest = rest
            .find(DASHES)
            .map_or("", |at| &rest[at + DASHES.len()..]);
    }
    Ok(ders)
}

/// Of the whole value that DER begins with.
fn der_length(der: &[u8]) -> Option<usize> {
    let (&first, rest) = der.get(1..)?.split_first()?;
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let octets = usize::from(first & 0x7f);
    if octets == 0 || octets > 4 {
        return None;
    }
    let length = rest
        .get(..octets)?
        .iter()
        .fold(0, |length, octet| length << 8 | usize::from(*octet));
    Some(2 + octets + length)
}
