use super::Environment;

/// How paths are written and where the home directory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Unix,
    Windows,
}

impl Platform {
    pub(crate) const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else {
        Self::Unix
    };

    pub(crate) const fn separator(self) -> char {
        match self {
            Self::Unix => '/',
            Self::Windows => '\\',
        }
    }

    pub(crate) const fn is_separator(self, c: char) -> bool {
        c == '/' || (matches!(self, Self::Windows) && c == '\\')
    }
}

impl Environment {
    /// The user's home directory, as in the AWS SDKs: `HOME`; on Windows, if that is not set, `USERPROFILE`, then
    /// `HOMEDRIVE` and `HOMEPATH` together. The system's user database is not read.
    ///
    /// Source: "Location of the shared config and credentials files" in the AWS SDKs and Tools
    /// Reference Guide.
    ///
    /// ```
    /// use sagemaker_async_inference::sys::Environment;
    ///
    /// let environment = Environment::from_pairs([("HOME", "/home/me")]);
    /// assert_eq!(environment.home_directory().as_deref(), Some("/home/me"));
    /// assert_eq!(Environment::empty().home_directory(), None);
    /// ```
    pub fn home_directory(&self) -> Option<String> {
        self.home_directory_on(Platform::HERE)
    }

    pub(crate) fn home_directory_on(&self, platform: Platform) -> Option<String> {
        let home = self.get_non_blank("HOME");
        match platform {
            Platform::Unix => home,
            Platform::Windows => home
                .or_else(|| self.get_non_blank("USERPROFILE"))
                .or_else(|| {
                    let drive = self.get_non_blank("HOMEDRIVE")?;
                    Some(drive + &self.get_non_blank("HOMEPATH")?)
                }),
        }
    }
}
