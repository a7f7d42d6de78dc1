//! Clock, sleep, environment, configuration files, commands and random numbers: everything that this crate gets
//! from the machine, and that a test can replace.
//!
//! Everything in this crate that waits, retries, signs or reads configuration uses a [`Sys`]. Programs use
//! [`Sys::real`]. Tests provide their own: with [`ManualClock`] an hour of waiting takes no time, and
//! [`Environment::from_pairs`] and [`Files::from_pairs`] replace the process's environment, which a test must not
//! change, and the files of the user who runs the test.
//!
//! ```
//! use std::time::Duration;
//! use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys};
//!
//! let clock = ManualClock::new();
//! let sys = Sys::real()
//!     .with_clock(clock.clone())
//!     .with_environment(Environment::from_pairs([("AWS_REGION", "eu-west-1")]))
//!     .with_files(Files::none());
//!
//! sys.clock().sleep(Duration::from_secs(3600)); // returns at once
//! assert_eq!(clock.slept(), Duration::from_secs(3600));
//! assert_eq!(sys.environment().get("AWS_REGION").as_deref(), Some("eu-west-1"));
//! assert!(sys.files().read("/home/me/.aws/config").is_err());
//! ```

mod durable;
mod files;
mod home;
mod manual_clock;
pub(crate) mod payload;
#[cfg(all(test, unix))]
pub(crate) mod power;
pub(crate) mod processes;
mod random;
mod sync;
#[cfg(not(all(target_os = "linux", feature = "local")))]
mod write_behind;
#[cfg(all(target_os = "linux", feature = "local"))]
mod write_early;

pub(crate) use durable::{open_to_append, read_bounded, sync_data, write_whole};
pub use files::Files;
pub(crate) use home::Platform;
pub use manual_clock::ManualClock;
pub use processes::{ProcessOutput, Processes};
pub use random::Random;
pub(crate) use sync::{lock, unpoisoned};

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

/// A source of time: a wall clock for signatures and names, a monotonic clock for deadlines, and a sleep.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use sagemaker_async_inference::sys::{Clock, Sys, SystemClock};
///
/// /// The machine's time, a day ahead.
/// #[derive(Debug)]
/// struct Tomorrow;
///
/// impl Clock for Tomorrow {
///     fn now(&self) -> SystemTime {
///         SystemClock.now() + Duration::from_secs(24 * 3600)
///     }
///     fn monotonic(&self) -> Duration {
///         SystemClock.monotonic()
///     }
///     fn sleep(&self, duration: Duration) {
///         SystemClock.sleep(duration);
///     }
/// }
///
/// assert!(Sys::real().with_clock(Tomorrow).clock().now() > SystemClock.now());
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time of the wall clock, which may jump.
    fn now(&self) -> SystemTime;
    /// Returns the time since a fixed moment; never decreases.
    fn monotonic(&self) -> Duration;
    /// Blocks the calling thread.
    fn sleep(&self, duration: Duration);
    /// Returns the [`ManualClock`] if this clock is one: a local endpoint then works in its time, and otherwise in the
    /// machine's. Default: `None`.
    fn manual(&self) -> Option<&ManualClock> {
        None
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }

    fn sleep(&self, duration: Duration) {
        (**self).sleep(duration);
    }

    fn manual(&self) -> Option<&ManualClock> {
        (**self).manual()
    }
}

/// The machine's clock; [`Clock::sleep`] is [`std::thread::sleep`].
///
/// ```
/// use sagemaker_async_inference::sys::{Clock, SystemClock};
///
/// let before = SystemClock.monotonic();
/// assert!(SystemClock.monotonic() >= before);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[allow(clippy::disallowed_methods)] // this is the wrapper itself
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The environment variables: those of the process, or a map.
///
/// `Debug` shows no values, since some of them are secrets.
///
/// ```
/// use sagemaker_async_inference::sys::Environment;
///
/// let environment = Environment::from_pairs([("AWS_REGION", "eu-west-1"), ("AWS_PROFILE", " ")]);
/// assert_eq!(environment.get_non_blank("AWS_REGION").as_deref(), Some("eu-west-1"));
/// assert_eq!(environment.get_non_blank("AWS_PROFILE"), None);
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Environment {
    map: Option<Arc<BTreeMap<String, String>>>,
}

impl Environment {
    /// The environment of this process, which is read at each access.
    pub fn process() -> Self {
        Self { map: None }
    }

    /// No variables.
    pub fn empty() -> Self {
        Self {
            map: Some(Arc::default()),
        }
    }

    /// Only these variables.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let map = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            map: Some(Arc::new(map)),
        }
    }

    /// The value of a variable. A value that is not Unicode counts as not set.
    pub fn get(&self, name: &str) -> Option<String> {
        match &self.map {
            Some(map) => map.get(name).cloned(),
            #[allow(clippy::disallowed_methods)] // this is the wrapper itself
            None => std::env::var_os(OsStr::new(name)).and_then(|value| value.into_string().ok()),
        }
    }

    /// The value of a variable, unless it is blank: AWS tools treat blank as not set.
    pub fn get_non_blank(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.map {
            Some(map) => f
                .debug_tuple("Environment")
                .field(&map.keys().collect::<Vec<_>>())
                .finish(),
            None => f.write_str("Environment(process)"),
        }
    }
}

/// The clock, the environment, the files, the commands and the random numbers that a [`Session`](crate::Session) uses.
///
/// ```
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::sys::{Environment, Sys};
///
/// let sys = Sys::real().with_environment(Environment::from_pairs([("AWS_REGION", "eu-west-1")]));
/// let session = Session::builder().sys(sys).build()?;
/// assert_eq!(session.region(), "eu-west-1");
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Sys {
    clock: Arc<dyn Clock>,
    environment: Environment,
    files: Files,
    processes: Processes,
    random: Random,
}

impl Sys {
    /// The machine's own clock, environment, files, shell and random numbers.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            environment: Environment::process(),
            files: Files::disk(),
            processes: Processes::shell(),
            random: Random::machine(),
        }
    }

    /// Sets the clock.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the environment.
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Sets the configuration files.
    pub fn with_files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// Sets what runs commands.
    pub fn with_processes(mut self, processes: Processes) -> Self {
        self.processes = processes;
        self
    }

    /// Sets the source of random numbers.
    pub fn with_random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What runs commands.
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// The source of random numbers.
    pub fn random(&self) -> &Random {
        &self.random
    }
}

impl Default for Sys {
    fn default() -> Self {
        Self::real()
    }
}
