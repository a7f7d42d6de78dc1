/// An endpoint's state (`EndpointStatus`).
///
/// ```
/// use sagemaker_async_inference::endpoint::EndpointStatus;
///
/// assert_eq!(EndpointStatus::from("InService"), EndpointStatus::InService);
/// assert!(EndpointStatus::Updating.is_in_progress());
/// assert_eq!(EndpointStatus::from("Tomorrow").as_str(), "Tomorrow");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointStatus {
    /// Accepts no requests.
    OutOfService,
    /// Is being created.
    Creating,
    /// Changes to another configuration, and accepts requests.
    Updating,
    /// Is under maintenance by the service.
    SystemUpdating,
    /// Returns to the old configuration, because the new one failed.
    RollingBack,
    /// Accepts requests, also when it is scaled to zero.
    InService,
    /// Is being deleted.
    Deleting,
    /// Could not be created; it can only be deleted.
    Failed,
    /// Neither the new configuration nor the rollback worked; it can only be deleted.
    UpdateRollbackFailed,
    /// A state that this version does not know.
    Other(String),
}

crate::words::open_words!(EndpointStatus, {
    OutOfService => "OutOfService",
    Creating => "Creating",
    Updating => "Updating",
    SystemUpdating => "SystemUpdating",
    RollingBack => "RollingBack",
    InService => "InService",
    Deleting => "Deleting",
    Failed => "Failed",
    UpdateRollbackFailed => "UpdateRollbackFailed",
});

impl EndpointStatus {
    /// Whether the service is changing the endpoint, which can then be neither updated nor deleted.
    pub fn is_in_progress(&self) -> bool {
        matches!(
            self,
            Self::Creating
                | Self::Updating
                | Self::SystemUpdating
                | Self::RollingBack
                | Self::Deleting
        )
    }
}
