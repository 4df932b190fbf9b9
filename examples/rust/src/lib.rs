//! FlyMQ's Rust examples; see `examples/`.
