//! HTTP for those who watch a broker: orchestrators, Prometheus, people with curl or a browser.
//!
//! | module | holds |
//! | --- | --- |
//! | `listener` | connections: TLS, and how many, how large, for how long |
//! | `routes` | which path is answered by what |
//! | `health` | whether the broker lives, and whether it is of use |
//! | `console` | the console's page, and who may have it |
//! | `visitor` | who asks: authentication |
//! | `api` | what the console shows, as JSON |

mod api;
mod console;
mod health;
mod listener;
mod routes;
mod visitor;

pub(crate) use console::Console;
pub(crate) use listener::HttpListener;
