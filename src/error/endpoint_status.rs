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

impl EndpointStatus {
    /// The API's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::OutOfService => "OutOfService",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::SystemUpdating => "SystemUpdating",
            Self::RollingBack => "RollingBack",
            Self::InService => "InService",
            Self::Deleting => "Deleting",
            Self::Failed => "Failed",
            Self::UpdateRollbackFailed => "UpdateRollbackFailed",
            Self::Other(name) => name,
        }
    }

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

impl From<&str> for EndpointStatus {
    fn from(name: &str) -> Self {
        let known = [
            Self::OutOfService,
            Self::Creating,
            Self::Updating,
            Self::SystemUpdating,
            Self::RollingBack,
            Self::InService,
            Self::Deleting,
            Self::Failed,
            Self::UpdateRollbackFailed,
        ];
        known
            .into_iter()
            .find(|status| status.as_str() == name)
            .unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}
