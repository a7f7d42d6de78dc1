//! Lines of JSON: handles out, handles in.

use std::io::{self, BufRead, Write};
use std::path::Path;

use sagemaker_async_inference::InferenceHandle;
use serde_json::Value;

use super::exit::{Failure, Outcome};
use crate::cli::args::inputs::{Input, lines_of};

/// A submitted inference, and the input that it was made of as the user named it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Submitted {
    pub(in crate::cli) handle: InferenceHandle,
    pub(in crate::cli) input: Option<String>,
}

/// The member that a line has besides those of the handle, which whoever reads handles passes over.
const INPUT: &str = "input";

impl Submitted {
    pub(in crate::cli) fn new(handle: InferenceHandle, input: Option<&Input>) -> Self {
        Self {
            handle,
            input: input.map(Input::shown),
        }
    }

    /// The line that [`parse`](Self::parse) reads.
    pub(in crate::cli) fn line(&self) -> Outcome<String> {
        let failed = |error: serde_json::Error| Failure::io("handle", &error.into());
        let mut value = serde_json::to_value(&self.handle).map_err(failed)?;
        if let Some(input) = &self.input {
            value[INPUT] = input.as_str().into();
        }
        Ok(value.to_string())
    }

    pub(in crate::cli) fn parse(line: &str) -> Outcome<Self> {
        let handle = line.parse::<InferenceHandle>()?;
        let value: Option<Value> = serde_json::from_str(line).ok();
        let input = value.and_then(|value| Some(value.get(INPUT)?.as_str()?.to_owned()));
        Ok(Self { handle, input })
    }
}

/// Handles of an argument: a handle itself, a file of them, or `-` for standard input.
pub(in crate::cli) fn handles(argument: &str) -> Outcome<Vec<Submitted>> {
    if argument.trim_start().starts_with('{') {
        return Ok(vec![Submitted::parse(argument)?]);
    }
    let mut handles = Vec::new();
    for (number, line) in lines_of(Path::new(argument))?.lines().enumerate() {
        let line = line.map_err(|error| Failure::io(argument, &error))?;
        if line.trim().is_empty() {
            continue;
        }
        let handle = Submitted::parse(&line);
        handles.push(handle.map_err(|failure| failure.within(format!("line {}", number + 1)))?);
    }
    if handles.is_empty() {
        return Err(Failure::usage(format!("there is no handle in {argument}")));
    }
    Ok(handles)
}

/// A line on standard output, there at once for whoever reads along.
pub(in crate::cli) fn print(line: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::io("standard output", &error))
}
