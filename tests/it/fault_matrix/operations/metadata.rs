//! Credentials from the metadata of containers and instances.

use crate::fault_matrix::operation::{Column, Operation};
use crate::fault_matrix::responses::{metadata_credentials, metadata_role, metadata_token};
use crate::fault_matrix::setup::Setup;

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "container credentials",
            Column::Metadata,
            |head| head.starts_with("GET /container "),
            |_| metadata_credentials(),
            |setup| {
                let url = format!("{}/container", setup.url());
                let variables = [
                    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*url),
                    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush-token"),
                ];
                setup.with_chain(&variables, Vec::new())
            },
        ),
        Operation::new(
            "instance metadata, token",
            Column::Metadata,
            |head| head.starts_with("PUT /latest/api/token "),
            |_| metadata_token(),
            Setup::with_instance,
        ),
        Operation::new(
            "instance metadata, role",
            Column::Metadata,
            |head| head.starts_with("GET /latest/meta-data/iam/security-credentials/ "),
            |_| metadata_role(),
            Setup::with_instance,
        )
        .after(1),
        Operation::new(
            "instance metadata, credentials",
            Column::Metadata,
            |head| head.starts_with("GET /latest/meta-data/iam/security-credentials/invoker "),
            |_| metadata_credentials(),
            Setup::with_instance,
        )
        .after(2),
    ]
}
