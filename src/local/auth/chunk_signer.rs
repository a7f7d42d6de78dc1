//! The signatures of the chunks of an `aws-chunked` body.

use sha2::{Digest, Sha256};

use super::Auth;
use super::signature::{ALGORITHM, Authorization, is_signature, signing_date, signing_key};
use crate::local::http::head::Head;

/// Checks the signatures of chunks, each of which covers the one before it.
pub(in crate::local) struct ChunkSigner {
    key: Vec<u8>,
    /// The text between the algorithm and the previous signature.
    scope: String,
    previous: String,
}

impl ChunkSigner {
    /// Continues from the signature of the head, which [`verify_head`](super::signature::verify_head) checks. `None` if there is none.
    pub(in crate::local) fn of(auth: &Auth, head: &Head) -> Option<Self> {
        let authorization = Authorization::parse(head.text("authorization")?)?;
        let Authorization {
            date,
            region,
            service,
            signature,
            ..
        } = authorization;
        let (amz_date, _) = signing_date(head)?;
        Some(Self {
            key: signing_key(auth, &authorization),
            scope: format!("{amz_date}\n{date}/{region}/{service}/aws4_request"),
            previous: signature.to_owned(),
        })
    }

    pub(in crate::local) fn chunk_holds(&mut self, hash: &[u8], signature: &str) -> bool {
        let empty = hex::encode(Sha256::digest([]));
        self.holds(
            "PAYLOAD",
            &format!("{empty}\n{}", hex::encode(hash)),
            signature,
        )
    }

    pub(in crate::local) fn trailer_holds(&mut self, hash: &[u8], signature: &str) -> bool {
        self.holds("TRAILER", &hex::encode(hash), signature)
    }

    fn holds(&mut self, kind: &str, hashes: &str, signature: &str) -> bool {
        let Self {
            scope, previous, ..
        } = &*self;
        let to_sign = format!("{ALGORITHM}-{kind}\n{scope}\n{previous}\n{hashes}");
        let holds = is_signature(&self.key, &to_sign, signature);
        signature.clone_into(&mut self.previous);
        holds
    }
}
