//! Context managers: what leaving a block does is the same for all classes.

/// Makes a class a context manager, closed by its `handle`.
macro_rules! blocking_context {
    ($class:ident) => {
        #[pyo3::pymethods]
        impl $class {
            fn __enter__(slf: pyo3::PyRef<'_, Self>) -> pyo3::PyRef<'_, Self> {
                slf
            }

            #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
            fn __exit__(
                &self,
                py: pyo3::Python<'_>,
                exc_type: Option<&pyo3::Bound<'_, pyo3::types::PyType>>,
                exc_value: Option<&pyo3::Bound<'_, pyo3::PyAny>>,
                traceback: Option<&pyo3::Bound<'_, pyo3::PyAny>>,
            ) -> pyo3::PyResult<()> {
                let _ = (exc_value, traceback);
                self.handle.close(py, crate::at_exit::patience_after(exc_type)?)
            }
        }
    };
}

/// Makes a class an asynchronous context manager, connected and closed by its `handle`.
macro_rules! asyncio_context {
    ($class:ident) => {
        #[pyo3::pymethods]
        impl $class {
            /// Connect to the event loop that runs, as `async with` does. Harmless when connected.
            fn connect(&self) -> crate::asyncio::Call {
                self.handle.connect(concat!(stringify!($class), ".connect"))
            }

            fn __aenter__(slf: pyo3::Py<Self>) -> crate::asyncio::Call {
                let handle = slf.get().handle.clone();
                let name = concat!(stringify!($class), ".__aenter__");
                crate::asyncio::Call::new(name, move |py| {
                    handle.connect_then(py, move |_| Ok(slf.into_any()))
                })
            }

            #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None))]
            fn __aexit__(
                &self,
                exc_type: Option<&pyo3::Bound<'_, pyo3::types::PyType>>,
                exc_value: Option<&pyo3::Bound<'_, pyo3::PyAny>>,
                traceback: Option<&pyo3::Bound<'_, pyo3::PyAny>>,
            ) -> pyo3::PyResult<crate::asyncio::Call> {
                let _ = (exc_value, traceback);
                let name = concat!(stringify!($class), ".__aexit__");
                Ok(self.handle.leave(name, crate::asyncio::patience_after(exc_type)?))
            }
        }
    };
}

pub(crate) use {asyncio_context, blocking_context};
