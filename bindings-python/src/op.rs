//! Calls with work for Python before and after them, such as serializing.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use futures_util::FutureExt;
use pyo3::prelude::*;

use crate::wait::Failure;

/// What a future of the core comes to, whatever its type.
pub type Outcome = Box<dyn Any + Send>;
/// A future of the core. It holds nothing of Python's, since it is dropped on any thread.
pub type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Forgets what the future comes to, for [`recover`].
pub fn erase<T, E>(future: impl Future<Output = Result<T, E>> + Send + 'static) -> Work
where
    T: Send + 'static,
    E: Into<Failure>,
{
    future.map(|result| Box::new(result.map_err(Into::into)) as Outcome).boxed()
}

/// What a future of such a result came to.
pub fn recover<T: 'static>(outcome: Outcome) -> PyResult<T> {
    let result = outcome.downcast::<Result<T, Failure>>().expect("it is what the future comes to");
    result.map_err(Into::into)
}

type Finish<T> = Box<dyn FnOnce(Python<'_>, Outcome) -> PyResult<T> + Send>;

/// A call of an `R` whose arguments Python has given, and whose result, a `T`, is made with the GIL.
pub struct Op<R, T> {
    pub call: Box<dyn FnOnce(R) -> Work + Send>,
    pub finish: Finish<T>,
    /// Whether an event loop's thread does it by itself; see [`Step::quick`](crate::step::Step::quick).
    pub is_quick: bool,
}

impl<R, T> Op<R, T> {
    pub fn new<V, E, F>(
        call: impl FnOnce(R) -> F + Send + 'static,
        finish: impl FnOnce(Python<'_>, V) -> PyResult<T> + Send + 'static,
    ) -> Self
    where
        V: Send + 'static,
        E: Into<Failure>,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        Self {
            call: Box::new(|this| erase(call(this))),
            finish: Box::new(|py, outcome| finish(py, recover(outcome)?)),
            is_quick: false,
        }
    }

    /// The same call, which takes short steps.
    pub fn quick(self) -> Self {
        Self { is_quick: true, ..self }
    }
}
