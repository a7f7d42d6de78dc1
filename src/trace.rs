//! Spans and events for `tracing`: a span for each batch, submit, wait and request, an event for each attempt.
//!
//! Without the feature all of this compiles to nothing. No field has a payload, credentials, custom attributes or
//! a signature.

#[cfg(feature = "tracing")]
mod events {
    use std::fmt::{Debug, Display};
    use std::time::Duration;

    use tracing::field::{Empty, display};
    use tracing::span::EnteredSpan;
    use tracing::{Dispatch, Span, debug, debug_span, dispatcher, info, info_span, warn};

    fn millis(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn request(service: &str, operation: &str, resource: &dyn Display) -> EnteredSpan {
        debug_span!("request", service, operation, %resource).entered()
    }

    /// Whether requests are timed.
    pub(crate) const TIMES_REQUESTS: bool = true;

    /// `request_id` is only called if the event is recorded.
    pub(crate) fn response<'a>(
        attempt: u32,
        status: u16,
        request_id: impl FnOnce() -> Option<&'a str>,
        took: Duration,
    ) {
        let elapsed_ms = millis(took);
        debug!(
            attempt,
            status,
            request_id = request_id(),
            elapsed_ms,
            "response"
        );
    }

    pub(crate) fn no_response(attempt: u32, kind: &dyn Debug, never_sent: bool, took: Duration) {
        let elapsed_ms = millis(took);
        debug!(attempt, ?kind, never_sent, elapsed_ms, "no response");
    }

    pub(crate) fn retry(attempt: u32, pause: Duration) {
        debug!(attempt, pause_ms = millis(pause), "will be retried");
    }

    pub(crate) fn address_forgotten(host: &str) {
        debug!(host, "address evicted");
    }

    pub(crate) fn clock(before: i64, after: i64) {
        warn!(
            before_ms = before,
            after_ms = after,
            "the clock's offset to the services has changed"
        );
    }

    /// `all` are the number of attempts and the time that they took.
    pub(crate) fn refused(
        status: u16,
        code: Option<&str>,
        request_id: Option<&str>,
        all: (u32, Duration),
    ) {
        let (attempts, elapsed_ms) = (all.0, millis(all.1));
        debug!(status, code, request_id, attempts, elapsed_ms, "refused");
    }

    pub(crate) fn handler_failed(error: &dyn std::fmt::Display) {
        warn!(
            error = format_args!("{error:#}"),
            "a handler failed; its message is released"
        );
    }

    pub(crate) fn queue_failed(error: &dyn std::fmt::Display) {
        warn!(
            error = format_args!("{error:#}"),
            "the queue of a wait failed; the wait continues by polls"
        );
    }

    pub(crate) fn submit(endpoint_name: &str, inference_id: &str) -> EnteredSpan {
        info_span!(
            "submit",
            endpoint_name,
            inference_id,
            output_path = Empty,
            log_group = format!("/aws/sagemaker/Endpoints/{endpoint_name}"),
        )
        .entered()
    }

    /// The output path, unless it could not be parsed.
    pub(crate) fn submitted(span: &EnteredSpan, output_path: Option<&dyn Display>) {
        if let Some(output_path) = output_path {
            span.record("output_path", display(output_path));
        }
        info!("submitted");
    }

    /// `of` is "output" or "failure". What follows a question mark may be a signature.
    pub(crate) fn location_unread(of: &str, location: &str) {
        let location = location.split('?').next().unwrap_or_default();
        warn!(of, location, "the service's location cannot be read");
    }

    pub(crate) fn not_submitted(error: &dyn Display, maybe: bool) {
        if maybe {
            warn!(error = format_args!("{error:#}"), "may have been submitted");
        } else {
            warn!(error = format_args!("{error:#}"), "not submitted");
        }
    }

    /// The span of a batch, and the subscriber where it began: its threads report to the same one.
    #[derive(Clone)]
    pub(crate) struct Batch {
        span: Span,
        listener: Dispatch,
    }

    pub(crate) fn submit_all(concurrency: usize, output_path_extension: Option<&str>) -> Batch {
        Batch {
            span: info_span!("submit_all", concurrency, output_path_extension),
            listener: dispatcher::get_default(Dispatch::clone),
        }
    }

    impl Batch {
        /// The submit of one input, by its index from 0.
        pub(crate) fn input<T>(&self, input: u64, act: impl FnOnce() -> T) -> T {
            dispatcher::with_default(&self.listener, || {
                self.span
                    .in_scope(|| debug_span!("input", input).in_scope(act))
            })
        }

        pub(crate) fn known(&self, input: u64, error: Option<&impl Display>) {
            self.span.in_scope(|| match error {
                None => debug!(input, "submitted by an earlier run"),
                Some(error) => warn!(input, error = format_args!("{error:#}"), "not submitted"),
            });
        }

        pub(crate) fn stopped(&self, submitted: u64) {
            self.span
                .in_scope(|| info!(submitted, "no further inputs are taken"));
        }

        pub(crate) fn over(&self, done: u64, failed: u64, elapsed: Duration) {
            let elapsed_ms = millis(elapsed);
            self.span.in_scope(|| {
                if failed == 0 {
                    info!(done, failed, elapsed_ms, "the batch is submitted");
                } else {
                    warn!(done, failed, elapsed_ms, "the batch is submitted in part");
                }
            });
        }
    }

    pub(crate) fn wait(
        endpoint_name: &str,
        inference_id: Option<&str>,
        at: &dyn Display,
    ) -> EnteredSpan {
        info_span!("wait", endpoint_name, inference_id, output_path = %at).entered()
    }

    pub(crate) fn poll(attempt: u32, elapsed: Duration, observed: Option<&str>) {
        debug!(
            attempt,
            elapsed_ms = millis(elapsed),
            observed,
            "no result yet"
        );
    }

    pub(crate) fn waited(attempts: u32, elapsed: Duration, error: Option<&impl Display>) {
        let elapsed_ms = millis(elapsed);
        match error {
            None => info!(attempts, elapsed_ms, "the wait is over"),
            Some(error) => warn!(
                attempts,
                elapsed_ms,
                error = format_args!("{error:#}"),
                "the wait is over without a result"
            ),
        }
    }

    pub(crate) fn not_removed(uri: &dyn Display, error: &dyn Display) {
        warn!(%uri, error = format_args!("{error:#}"), "not removed");
    }
}

#[cfg(not(feature = "tracing"))]
mod events {
    use std::fmt::{Debug, Display};
    use std::time::Duration;

    /// An absent span.
    pub(crate) struct NoSpan;

    pub(crate) fn request(_: &str, _: &str, _: &dyn Display) -> NoSpan {
        NoSpan
    }
    /// Nobody would learn of it.
    pub(crate) const TIMES_REQUESTS: bool = false;

    pub(crate) fn response<'a>(_: u32, _: u16, _: impl FnOnce() -> Option<&'a str>, _: Duration) {}
    pub(crate) fn no_response(_: u32, _: &dyn Debug, _: bool, _: Duration) {}
    pub(crate) fn retry(_: u32, _: Duration) {}
    pub(crate) fn address_forgotten(_: &str) {}
    pub(crate) fn clock(_: i64, _: i64) {}
    pub(crate) fn handler_failed(_: &dyn Display) {}
    pub(crate) fn queue_failed(_: &dyn Display) {}
    pub(crate) fn refused(_: u16, _: Option<&str>, _: Option<&str>, _: (u32, Duration)) {}
    pub(crate) fn submit(_: &str, _: &str) -> NoSpan {
        NoSpan
    }
    pub(crate) fn submitted(_: &NoSpan, _: Option<&dyn Display>) {}
    pub(crate) fn location_unread(_: &str, _: &str) {}
    pub(crate) fn not_submitted(_: &dyn Display, _: bool) {}
    /// A batch without a subscriber.
    #[derive(Clone)]
    pub(crate) struct Batch;

    pub(crate) fn submit_all(_: usize, _: Option<&str>) -> Batch {
        Batch
    }

    #[allow(clippy::unused_self)] // as its twin
    impl Batch {
        pub(crate) fn input<T>(&self, _: u64, act: impl FnOnce() -> T) -> T {
            act()
        }
        pub(crate) fn known(&self, _: u64, _: Option<&impl Display>) {}
        pub(crate) fn stopped(&self, _: u64) {}
        pub(crate) fn over(&self, _: u64, _: u64, _: Duration) {}
    }

    pub(crate) fn wait(_: &str, _: Option<&str>, _: &dyn Display) -> NoSpan {
        NoSpan
    }
    pub(crate) fn poll(_: u32, _: Duration, _: Option<&str>) {}
    pub(crate) fn waited(_: u32, _: Duration, _: Option<&impl Display>) {}
    pub(crate) fn not_removed(_: &dyn Display, _: &dyn Display) {}
}

pub(crate) use events::*;
