//! Every operation of the client.

mod identity;
mod metadata;
mod multipart;
mod objects;
mod runtime;
mod sagemaker;
mod scaling;

use std::sync::LazyLock;

use crate::fault_matrix::operation::Operation;

pub static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    [
        runtime::operations(),
        objects::operations(),
        multipart::operations(),
        identity::operations(),
        metadata::operations(),
        sagemaker::operations(),
        scaling::operations(),
    ]
    .concat()
});
