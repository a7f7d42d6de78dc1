//! Many inferences in flight: thousands on one thread, with few requests.
//!
//! - [`submit_all`](crate::submit_all) (or [`AsyncPredictor::submit_all`](crate::AsyncPredictor::submit_all) for plain
//!   values) submits what an iterator yields, several at a time, in bounded memory.
//! - [`inputs_under`] and `inputs_of_inventory` (feature `inventory`) list inputs that are in S3 already.
//! - [`as_completed`](crate::as_completed) waits for any number of responses and yields each inference when it
//!   has finished; [`wait_all`](crate::wait_all) collects them in order.
//! - [`InferenceHandle`](crate::InferenceHandle) saves what is unfinished, and a
//!   [`journal`](SubmitAll::journal) records what was submitted.
//!
//! # Rounds
//!
//! A round comes every [`delay`](crate::WaiterConfig::delay) of the waiter, the first at once. It polls all
//! handles that are due. Each handle has its own schedule: number of polls, growing pauses, deadline. A handle
//! that becomes due, or is added, between two rounds waits for the next one, so that handles of different times
//! are polled together. Between rounds the thread sleeps.
//!
//! # LIST or GET
//!
//! A single poll is a GET of the output and one of the failure. If the objects of many handles are in one folder
//! of a bucket, one `ListObjectsV2` finds up to 1,000 of them. In S3's standard class a LIST costs 0.005 USD a
//! thousand and a GET 0.0004 ([prices](https://aws.amazon.com/s3/pricing/), us-east-1): **12.5 GETs**. In time
//! the break-even is about the same: a LIST page takes five to ten times as long as a GET that finds nothing. So
//! a folder is listed if at least **12** handles in it are due, page by page while a page finds 12 more. An hour
//! of waiting costs, in rounds of 15 s:
//!
//! | pending all the time | GET each | LIST |
//! |---|---|---|
//! | 10 | 4,800 GETs, 0.002 USD | (480 LISTs, 0.0024 USD) |
//! | 1,000 | 480,000 GETs, 0.19 USD | 480 LISTs, 0.0024 USD |
//! | 100,000, none ready | 48,000,000 GETs, 19 USD | 480 LISTs, 0.0024 USD |
//! | 100,000, beside 100,000 that are done | 48,000,000 GETs, 19 USD | 24,240 LISTs, 0.12 USD |
//!
//! The listing begins right before the first pending key and skips subfolders. Failures are listed in the same
//! way, after the outputs, but not within 100 ms of their last listing: with a delay shorter than that, a failure is
//! found up to 100 ms later than an output. Each object that is found is fetched with one GET.
//!
//! A batch that was submitted here has a folder of its own below the endpoint's output path
//! (`S3OutputPathExtension`), so that its listing contains nothing else. Failures have no such extension: all
//! failures of an endpoint are in one folder.
//!
//! # What happens when
//!
//! | | then |
//! |---|---|
//! | fewer than 12 handles are due in a folder | GETs |
//! | the caller may not list (403) | GETs from then on; and a 403 of an output is pending, as [`AccessDenied::Probe`](crate::waiter::AccessDenied::Probe) specifies |
//! | the caller may list and an object is denied | that handle ends with the service's error |
//! | the store cannot list, or the bucket does not exist | GETs from then on |
//! | a listing fails, is throttled, or is malformed | GETs in this round; listed again after 10 s, then 20 s, up to 10 minutes |
//! | other objects are in between: a full page finds fewer than 12 handles | GETs for the rest; listed again after 10 s, 20 s, up to 10 minutes, or when there are twice as many handles |
//! | outcomes appear, and one page has all handles | one more page half way to the next round |
//! | failures cannot be listed and outputs can | each failure is requested by GET, in turn, when there is nothing else to do |
//! | an object is listed and cannot be fetched | that was one of its polls; again in the next round |
//! | a handle's last poll | is also a GET: no timeout depends on a listing alone |
//! | a poll takes too long (10 s, or an eighth of the waiter's deadline) | that handle's next poll may take twice as long; all such handles together get at most a fifth of the time |
//! | two polls in a folder, or four in a bucket, take too long with no response in between | all polls there count as such, one at a time, until one gets a response; it is not listed meanwhile |
//! | the folder of failures does not respond | outputs are polled as before, and failures as in the row above |
//! | S3 throttles | GETs of this bucket are sent at half the rate, which recovers over ten seconds |
//! | a handle ends with an error | the others go on |
//!
//! Polls by GET are bounded [per second](AsCompleted::polls_per_second) and sent in turn: if there are too many
//! for the waiter's delay, each handle is polled less often, and none is left out. A failed request is not
//! retried at once; the next round is the retry. Fetches and listings are made on the calling thread, or on
//! [others](AsCompleted::download_threads): then outputs are fetched while the next page is requested.
//!
//! # What it needs
//!
//! `s3:ListBucket` on the bucket (a condition on `s3:prefix` has to allow the folder) to list, and
//! `s3:GetObject`. A pending handle needs less than 1 KB of memory, including its response; a finished one 8
//! bytes until the iterator is dropped.

mod adder;
pub(crate) mod as_completed;
mod caught;
mod completed;
mod downloads;
mod fetch;
mod inputs;
mod journal;
mod journal_record;
mod listings;
mod poller;
mod polls;
mod predictor;
mod prefix;
mod progress;
mod slots;
pub(crate) mod submit_all;
mod submit_journal;
#[cfg(all(test, unix, feature = "local"))]
mod tests;
mod turns;
pub(crate) mod wake;
mod workers;

pub use journal::JournalEntry;
#[cfg(any(test, fuzzing))]
pub(crate) use journal_record::check_line;

pub use adder::Adder;
pub use as_completed::AsCompleted;
pub use completed::Completed;
#[cfg(feature = "inventory")]
pub use inputs::inputs_of_inventory;
pub use inputs::{Inputs, Skipped, inputs_under};
pub use progress::BatchProgress;
pub use submit_all::SubmitAll;
