//! The request options of `predict` and `submit`.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::{AsyncPredictor, AsyncRequest, Bytes, S3Uri, Session};

use super::inputs::Input;
use super::streams::Stream;
use super::values::duration;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{CommandError, Outcome};
use crate::cli::output::standard::check_standard_input;

/// Options of the request.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(in crate::cli) struct RequestOptions {
    /// The input's MIME type [default: by the file's extension, or application/octet-stream]
    #[arg(long, value_name = "MIME")]
    content_type: Option<String>,

    /// The MIME type of the result to ask the model for
    #[arg(long, value_name = "MIME", default_value = "*/*")]
    accept: String,

    /// Passed on to the model as X-Amzn-SageMaker-Custom-Attributes
    #[arg(long, value_name = "TEXT")]
    custom_attributes: Option<String>,

    /// Maximum time that the request may wait in the queue, 1m to 6h [default: the service's, 6h]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    request_ttl: Option<Duration>,

    /// Maximum time that the model may take, 1s to 1h [default: the service's, 15m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    invocation_timeout: Option<Duration>,

    /// Name of the output object below the endpoint's output path
    #[arg(long, value_name = "NAME")]
    filename: Option<String>,

    /// Path between the endpoint's output path and the output object's name
    #[arg(long, value_name = "PATH")]
    output_extension: Option<String>,

    /// Upload the input to this object, or below this prefix if it ends in `/`
    #[arg(long, value_name = "S3_URI", conflicts_with = "inline")]
    upload_to: Option<S3Uri>,

    /// Send the input in the request's body; at most 128,000 bytes
    #[arg(long, conflicts_with = "s3")]
    inline: bool,

    /// Upload the input to S3, even if it is small
    #[arg(long)]
    s3: bool,
}

/// The command does not interpret inputs and results.
pub(in crate::cli) type Predictor = AsyncPredictor<Bytes, Bytes>;

impl RequestOptions {
    pub(in crate::cli) fn predictor(&self, endpoint: &str, session: &Session) -> Predictor {
        AsyncPredictor::new(endpoint, session)
            .with_serializer(Bytes::new())
            .with_deserializer(Bytes::new().with_accept(self.accept.clone()))
    }

    /// The request for an input. Opens its file, and sends nothing.
    pub(in crate::cli) fn request(
        &self,
        predictor: &Predictor,
        input: &Input,
        interrupt: &Interrupt,
    ) -> Outcome<AsyncRequest<'static, Bytes>> {
        let mut request = match input {
            Input::Standard => {
                check_standard_input()?;
                let stream = Stream::new(|| Ok(io::stdin()), interrupt);
                let failed = |error| CommandError::io("standard input", &error);
                predictor.request_reader(stream.map_err(failed)?)
            }
            Input::File(path) if is_regular(path)? => predictor.request_file(path)?,
            // A named pipe or a device.
            Input::File(path) => {
                let pipe = path.clone();
                let stream = Stream::new(move || File::open(pipe), interrupt);
                let failed = |error| CommandError::io(path.display(), &error);
                predictor.request_reader(stream.map_err(failed)?)
            }
            Input::At(uri) => predictor.request_at(uri.clone()),
        };
        let guessed = input.name().and_then(|name| mime_type(&name));
        request = match (&self.content_type, guessed) {
            (Some(given), _) => request.content_type(given.clone()),
            (None, Some(guessed)) => request.content_type(guessed),
            (None, None) => request.content_type("application/octet-stream"),
        };
        request = request.cancel(interrupt.token());
        if let Some(attributes) = &self.custom_attributes {
            request = request.custom_attributes(attributes.clone());
        }
        if let Some(ttl) = self.request_ttl {
            request = request.request_ttl(ttl);
        }
        if let Some(timeout) = self.invocation_timeout {
            request = request.invocation_timeout(timeout);
        }
        if let Some(name) = &self.filename {
            request = request.filename(name.clone());
        }
        if let Some(extension) = &self.output_extension {
            request = request.output_path_extension(extension.clone());
        }
        if self.inline {
            request = request.inline();
        }
        if self.s3 {
            request = request.via_s3();
        }
        if let Some(uri) = &self.upload_to {
            request = request.upload_to(uri.clone());
        }
        Ok(request)
    }

    /// Refuses what only makes sense for a single input.
    pub(in crate::cli) fn check_for_many(&self) -> Outcome {
        if self.filename.is_some() {
            return Err(CommandError::usage(
                "--filename names one output; with many inputs they would overwrite each other",
            ));
        }
        match &self.upload_to {
            Some(uri) if !uri.key().is_empty() && !uri.key().ends_with('/') => {
                Err(CommandError::usage(format!(
                    "--upload-to {uri} is one object; for many inputs end it with a slash"
                )))
            }
            _ => Ok(()),
        }
    }
}

fn is_regular(path: &Path) -> Outcome<bool> {
    let metadata = path.metadata();
    let metadata = metadata.map_err(|error| match path.to_str() {
        Some(uri) if uri.starts_with("s3://") => CommandError::usage(format!(
            "there is no file {uri}; for an input that is in S3: --input-location {uri}"
        )),
        _ => CommandError::io(path.display(), &error),
    })?;
    if metadata.is_dir() {
        return Err(CommandError::usage(format!(
            "{} is a directory; for all files in it: submit --input-dir",
            path.display()
        )));
    }
    Ok(metadata.is_file())
}

/// By the name's extension; the types that models commonly take.
fn mime_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "json" => "application/json",
        "jsonl" | "ndjson" => "application/jsonlines",
        "csv" => "text/csv",
        "txt" => "text/plain",
        "xml" => "application/xml",
        "html" | "htm" => "text/html",
        "pdf" => "application/pdf",
        "npy" => "application/x-npy",
        "parquet" => "application/x-parquet",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "tar" => "application/x-tar",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "tif" | "tiff" => "image/tiff",
        "bmp" => "image/bmp",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        _ => return None,
    })
}
