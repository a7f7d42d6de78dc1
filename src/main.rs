//! The `sagemaker-async` command.
fn main() {}
