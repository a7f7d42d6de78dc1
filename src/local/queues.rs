//! Subscriptions and queues of a running endpoint, without HTTP requests.

use super::error::LocalError;
use super::{LocalEndpoint, notify, sqs};

impl LocalEndpoint {
    /// Posts messages of an SNS topic to a URL on this machine, in SNS's envelope. The envelope is not signed, so a
    /// subscriber cannot verify it.
    ///
    /// Each message is posted before its job counts as finished, in at most three attempts of at most 2 s, until the
    /// response is 2xx.
    ///
    /// # Errors
    /// [`LocalError::Setting`]: the URL is not an `http` URL of `127.0.0.1`, `localhost` or `[::1]`.
    pub fn subscribe(
        &self,
        topic_arn: impl Into<String>,
        url: impl Into<String>,
    ) -> Result<(), LocalError> {
        let url = url.into();
        notify::check_url(&url)?;
        self.shared
            .services
            .control
            .subscribe(topic_arn.into(), url);
        Ok(())
    }

    /// Creates a queue unless it exists, and returns its URL. To create a FIFO queue send `CreateQueue`.
    ///
    /// `attributes` are those of `CreateQueue`: `VisibilityTimeout`, `RedrivePolicy` and so on.
    ///
    /// # Errors
    /// [`LocalError::Setting`] with the message with which SQS refuses it: the name or an attribute is not
    /// valid, or a queue of this name has other attributes.
    ///
    /// ```
    /// use sagemaker_async_inference::local::LocalEndpoint;
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let url = endpoint.create_queue("done", &[("VisibilityTimeout", "60")])?;
    /// assert_eq!(url, format!("{}/123456789012/done", endpoint.url()));
    /// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
    /// ```
    pub fn create_queue(
        &self,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<String, LocalError> {
        let services = &self.shared.services;
        let created = services.queues.create(services, name, attributes);
        created.map_err(|refusal| LocalError::Setting(refusal.message))?;
        Ok(format!("{}/{}/{name}", self.url, self.account_id()))
    }

    /// Sends a message to a queue, given by name, ARN or URL, without an HTTP request. A queue that does not exist is
    /// ignored.
    pub fn send_message(&self, queue: &str, body: impl AsRef<str>) {
        let queue = sqs::name_of(queue);
        self.shared
            .services
            .queues
            .send(&self.shared.services, queue, body.as_ref());
    }

    /// Sends a message with the members of `SendMessage`, such as `MessageBody`, `MessageGroupId` and
    /// `MessageDeduplicationId`, without an HTTP request.
    ///
    /// # Errors
    /// [`LocalError::Setting`]: there is no such queue, or SQS refuses a member, with its message.
    pub fn send_message_with(
        &self,
        queue: &str,
        members: &[(&str, &str)],
    ) -> Result<(), LocalError> {
        let queue = self.queue_name(queue)?;
        let sent = self
            .shared
            .services
            .queues
            .send_with(&self.shared.services, &queue, members);
        sent.map_err(|refusal| LocalError::Setting(refusal.message))
    }

    /// Number of messages in a queue, including those in flight and delayed; 0 if the queue does not exist.
    pub fn messages_in(&self, queue: &str) -> usize {
        self.shared.services.queues.count(sqs::name_of(queue))
    }

    /// Subscribes a queue, given by name, ARN or URL, to an SNS topic. Messages arrive in SNS's envelope, which is not
    /// signed, or without it with `raw` (raw message delivery).
    ///
    /// # Errors
    /// [`LocalError::Setting`]: there is no such queue.
    pub fn subscribe_queue(
        &self,
        topic_arn: impl Into<String>,
        queue: &str,
        raw: bool,
    ) -> Result<(), LocalError> {
        self.shared.services.queues.subscribe(sqs::Subscription {
            topic: topic_arn.into(),
            queue: self.queue_name(queue)?,
            raw,
        });
        Ok(())
    }

    /// Sends an event to a queue for each object created in the bucket with a key that begins with `prefix`: by a put,
    /// a copy, a completed multipart upload, or as a result. S3's test event is sent first.
    ///
    /// # Errors
    /// [`LocalError::Setting`]: there is no such queue.
    pub fn send_object_events(
        &self,
        bucket: impl Into<String>,
        prefix: impl Into<String>,
        queue: &str,
    ) -> Result<(), LocalError> {
        let rule = sqs::ObjectRule {
            bucket: bucket.into(),
            prefix: prefix.into(),
            queue: self.queue_name(queue)?,
        };
        self.shared
            .services
            .queues
            .add_object_rule(&self.shared.services, rule);
        Ok(())
    }

    fn queue_name(&self, queue: &str) -> Result<String, LocalError> {
        let name = sqs::name_of(queue);
        if self.shared.services.queues.has(name) {
            return Ok(name.to_owned());
        }
        Err(LocalError::Setting(format!(
            "there is no queue {name:?}: create it first"
        )))
    }
}
