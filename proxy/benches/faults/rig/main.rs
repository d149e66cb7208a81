//! The rig: what stands on both sides of a gateway while `faults.sh`, `checks.sh` and `compare.sh` look at it.

mod endpoint;
mod load;
mod message;
mod report;
mod websocket;

use std::error::Error;

use clap::Parser;
use tokio::runtime;

/// One of the processes around a gateway under test.
#[derive(Debug, Parser)]
enum Rig {
    /// An endpoint that does as a file tells it, until it is stopped.
    Endpoint(endpoint::Options),
    /// A client that asks at a fixed rate, whatever comes back, and counts what does.
    Load(load::Options),
    /// A WebSocket server that sends every message back.
    WebsocketOrigin(websocket::Origin),
    /// Clients of that server, each with one message under way.
    WebsocketLoad(websocket::Load),
}

fn main() -> Result<(), Box<dyn Error>> {
    let rig = Rig::parse();
    // One thread: every process of the rig has to leave the gateway its share of the machine.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match rig {
            Rig::Endpoint(options) => endpoint::run(options).await,
            Rig::Load(options) => load::run(options).await,
            Rig::WebsocketOrigin(options) => websocket::serve(options).await,
            Rig::WebsocketLoad(options) => websocket::load(options).await,
        }
    })
}
