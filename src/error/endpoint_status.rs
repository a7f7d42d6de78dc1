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
    /// Takes no requests.
    OutOfService,
    /// Is being made.
    Creating,
    /// Goes over to another configuration, and takes requests.
    Updating,
    /// Is under maintenance by the service.
    SystemUpdating,
    /// Goes back to the old configuration, for the new one failed.
    RollingBack,
    /// Takes requests, also when it is scaled to zero.
    InService,
    /// Is being deleted.
    Deleting,
    /// Could not be made; only deleting helps.
    Failed,
    /// Neither the new configuration nor the way back worked; only deleting helps.
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
    /// Whether the service is at work on the endpoint, so that it can be neither updated nor deleted.
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
