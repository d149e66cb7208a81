//! Connections to a Redis, and what it says is wrong.

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult,
};

use crate::config::model::RedisServer;

/// Calls that may wait to be sent; more wait for a place, within their timeout.
const UNSENT: usize = 1024;
/// Of what Redis says is wrong, what is passed on.
const REASON_CHARS: usize = 200;

/// Its task runs where this is awaited, as long as the connection is in use.
pub(super) async fn connect(server: &RedisServer) -> RedisResult<MultiplexedConnection> {
    let mut identity = RedisConnectionInfo::default().set_db(i64::from(server.database));
    if let Some(user) = &server.user {
        identity = identity.set_username(user);
    }
    if let Some(password) = &server.password {
        identity = identity.set_password(String::from_utf8_lossy(password.bytes()));
    }
    let address = ConnectionAddr::Tcp(server.host.clone(), server.port).into_connection_info()?;
    let address = address.set_redis_settings(identity).set_tcp_settings(TcpSettings::default().set_nodelay(true));
    // Who asks has timeouts, shorter ones.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let config = config.set_pipeline_buffer_size(UNSENT);
    Client::open(address)?.get_multiplexed_async_connection_with_config(&config).await
}

/// Some server wrote this, and it goes to a log: one line of bounded length.
pub(super) fn reason(error: &RedisError) -> String {
    error.to_string().chars().take(REASON_CHARS).flat_map(char::escape_debug).collect()
}
