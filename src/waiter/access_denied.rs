//! What a 403 means.

/// What a 403 means during a wait.
///
/// A 403 that names a missing permission for a KMS key ends the wait in any case: S3 asks KMS only for an object that
/// exists.
///
/// ```
/// use sagemaker_async_inference::WaiterConfig;
/// use sagemaker_async_inference::waiter::AccessDenied;
///
/// // The caller may not list, and knows it.
/// let waiter = WaiterConfig::builder().access_denied(AccessDenied::Pending).build()?;
/// # let _ = waiter;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AccessDenied {
    /// Without `s3:ListBucket` S3 responds 403 for an object that does not exist yet. So at the first 403 one
    /// `ListObjectsV2` is sent: if the caller may list, access is really denied, and the wait ends with the
    /// service's error; otherwise the wait goes on.
    #[default]
    Probe,
    /// The wait goes on until its end.
    Pending,
    /// The wait ends with the service's error.
    Fail,
}

crate::words::words!(AccessDenied, "meaning of a 403", {
    Probe => "probe",
    Pending => "pending",
    Fail => "fail",
});
