//! Where the inputs of `submit` are.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use sagemaker_async_inference::batch::{Inputs, inputs_of_inventory, inputs_under};
use sagemaker_async_inference::{CancelToken, InferenceHandle, S3Uri, Session};

use crate::cli::args::inputs::{self, Input, Listed};
use crate::cli::args::values::shard;
use crate::cli::output::exit::{CommandError, Outcome};
use crate::cli::output::files::is_same_file;
use crate::cli::output::progress::Progress;
use crate::cli::output::standard::is_standard_output;

/// Where inputs come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// The input's file, or `-` for standard input
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,

    /// An input that is already in S3
    #[arg(long, value_name = "S3_URI")]
    input_location: Option<S3Uri>,

    /// Every file in this directory, in order of name, without subdirectories and hidden files
    #[arg(long, value_name = "DIR")]
    input_dir: Option<PathBuf>,

    /// A list with one path or S3 URI per line: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    inputs_from: Option<PathBuf>,

    /// Every object in S3 whose URI begins with this text; end it with `/` for a folder. Markers of folders are
    /// skipped
    #[arg(long, value_name = "S3_URI")]
    inputs_under: Option<S3Uri>,

    /// Every object of an S3 Inventory with CSV lists: the URI of its manifest.json
    #[arg(long, value_name = "S3_URI")]
    inventory: Option<S3Uri>,
}

/// How a list is written, and what of it is taken.
#[derive(Debug, Args)]
pub(super) struct List {
    /// With --inputs-from: items end with a NUL instead of a newline, as printed by `find -print0`
    #[arg(long, short = '0', requires = "inputs_from")]
    null: bool,

    /// With --inputs-under or --inventory: only objects whose key ends with this text
    #[arg(long, value_name = "TEXT")]
    suffix: Option<String>,

    /// With --inputs-under or --inventory: only the objects of shard K of N, so that N machines share the inputs,
    /// each with its own K and its own journal. An object's shard is the first 8 bytes of the SHA-256 of BUCKET/KEY,
    /// as a big-endian number, modulo N, plus 1
    #[arg(long, value_name = "K/N", value_parser = shard)]
    shard: Option<(u32, u32)>,
}

/// Inputs, one after another.
pub(super) struct Chosen {
    pub(super) inputs: Box<dyn Iterator<Item = Listed>>,
    /// How many there are, if that is known before.
    pub(super) count: Option<usize>,
}

/// This number of skipped objects is reported by name.
const NAMED: usize = 10;

impl Source {
    pub(super) fn is_many(&self) -> bool {
        self.input_dir.is_some() || self.inputs_from.is_some() || self.is_listed_in_s3()
    }

    /// Whether S3 lists the inputs, while they are submitted.
    pub(super) fn is_listed_in_s3(&self) -> bool {
        self.inputs_under.is_some() || self.inventory.is_some()
    }

    pub(super) fn check(&self, list: &List) -> Outcome {
        let chooses = list.suffix.is_some() || list.shard.is_some();
        if chooses && !self.is_listed_in_s3() {
            return Err(CommandError::usage(
                "--suffix and --shard select from the objects of --inputs-under or --inventory",
            ));
        }
        Ok(())
    }

    /// A journal must be a file of its own: what else were written there, or were read from there, would be lost.
    pub(super) fn check_journal(&self, journal: &Path) -> Outcome {
        let is = |file: &Option<PathBuf>| {
            let file = file.as_deref().filter(|file| file.as_os_str() != "-");
            file.is_some_and(|file| is_same_file(file, journal))
        };
        let other = if is_standard_output(journal) {
            "standard output, where the handles go"
        } else if is(&self.input) {
            "the input"
        } else if is(&self.inputs_from) {
            "the list of inputs"
        } else {
            return Ok(());
        };
        let problem = format!("the journal {} is {other}", journal.display());
        Err(CommandError::usage(format!("{problem}; name another file")))
    }

    /// The inputs that are named on this machine.
    pub(super) fn local(
        &self,
        list: &List,
        journal: Option<&Path>,
        progress: &Progress,
    ) -> Outcome<Vec<Listed>> {
        if let Some(directory) = &self.input_dir {
            return inputs::in_directory(directory, journal, progress);
        }
        if let Some(file) = &self.inputs_from {
            return inputs::in_list(file, list.null);
        }
        Ok(match (&self.input, &self.input_location) {
            (Some(path), _) => vec![Ok(Input::of_argument(path))],
            (None, Some(uri)) => vec![Ok(Input::At(uri.clone()))],
            (None, None) => Vec::new(),
        })
    }

    /// The inputs that S3 lists.
    pub(super) fn in_s3(
        &self,
        list: &List,
        session: &Session,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Outcome<Option<Chosen>> {
        let inputs = match (&self.inputs_under, &self.inventory) {
            (Some(prefix), _) => inputs_under(session, prefix),
            (None, Some(manifest)) => inputs_of_inventory(session, manifest),
            (None, None) => return Ok(None),
        };
        let mut inputs = inputs.cancel(cancel.clone());
        if let Some(suffix) = &list.suffix {
            inputs = inputs.suffix(suffix.clone());
        }
        if let Some((number, count)) = list.shard {
            inputs = inputs.shard(number, count)?;
        }
        Ok(Some(Chosen {
            inputs: Box::new(AfterSkipped::of(inputs, progress)),
            count: None,
        }))
    }

    /// The place of an output that would be listed as an input.
    pub(super) fn takes_in<'h>(
        &self,
        list: &List,
        handle: &'h InferenceHandle,
    ) -> Option<&'h S3Uri> {
        let prefix = self.inputs_under.as_ref()?;
        let suffix = list.suffix.as_deref().unwrap_or_default();
        let mut places = [Some(handle.output_path()), handle.failure_path()]
            .into_iter()
            .flatten();
        places.find(|place| {
            place.bucket() == prefix.bucket()
                && place.key().starts_with(prefix.key())
                && place.key().ends_with(suffix)
        })
    }

    /// Why there is no input, where that is an error.
    pub(super) fn no_inputs(&self, list: &List) -> Option<CommandError> {
        let place = self.inputs_under.as_ref().or(self.inventory.as_ref())?;
        // Of few objects a shard may have none.
        list.shard.is_none().then(|| {
            let which = if self.inventory.is_some() {
                "in"
            } else {
                "below"
            };
            let ending = list.suffix.as_ref();
            let ending =
                ending.map_or_else(String::new, |text| format!(" that ends with {text:?}"));
            CommandError::usage(format!("there is no object {which} {place}{ending}"))
        })
    }
}

/// Says what is skipped: the first ones by name, the rest as a number at the end.
struct AfterSkipped {
    inputs: Inputs,
    skipped: Arc<AtomicUsize>,
    progress: Progress,
}

impl AfterSkipped {
    fn of(inputs: Inputs, progress: &Progress) -> Self {
        let skipped = Arc::new(AtomicUsize::new(0));
        let (count, shown) = (Arc::clone(&skipped), progress.clone());
        let inputs = inputs.on_skipped(move |uri, why| {
            if count.fetch_add(1, Ordering::Relaxed) < NAMED {
                shown.error(&format!("{uri} is skipped: it is {why}"));
            }
        });
        Self {
            inputs,
            skipped,
            progress: progress.clone(),
        }
    }
}

impl Iterator for AfterSkipped {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        let input = self.inputs.next();
        if input.is_none() {
            let unnamed = self
                .skipped
                .swap(0, Ordering::Relaxed)
                .saturating_sub(NAMED);
            if unnamed > 0 {
                let more = format!("{unnamed} more objects are skipped for these reasons");
                self.progress.error(&more);
            }
        }
        Some(input?.map(Input::At).map_err(CommandError::from))
    }
}
