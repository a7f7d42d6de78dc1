//! Batches by a predictor.

use super::submit_all::{SubmitAll, submit_all};
use crate::codec::{Accept, Serializer};
use crate::predictor::AsyncPredictor;
use crate::request::AsyncRequest;

impl<S, D> AsyncPredictor<S, D> {
    /// Submits values, several at a time: an iterator in, an iterator of outcomes out, in the order
    /// of the inputs. Nothing is sent until outcomes are taken.
    ///
    /// The batch has a clone of this predictor, so that it can be stored, returned, or moved to another thread.
    ///
    /// See [`SubmitAll`] for its settings and an example, and
    /// [`submit_all`](crate::submit_all) for inputs with options of their own.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session);
    /// for outcome in predictor.submit_all(["first", "second"]).concurrency(2)? {
    ///     println!("{}", outcome?.handle()); // one line of JSON: save it
    /// }
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn submit_all<I>(
        &self,
        inputs: I,
    ) -> SubmitAll<impl Iterator<Item = AsyncRequest<'static, D>> + use<I, S, D>, D>
    where
        I: IntoIterator,
        S: Serializer<I::Item> + Clone,
        D: Accept + Clone,
    {
        let predictor = self.clone();
        let inputs = inputs.into_iter();
        submit_all(inputs.map(move |value| predictor.request(&value).into_owned()))
    }
}
