//! Endpoints from keys of etcd.

use std::net::SocketAddr;

use super::{answered_by, shop, two, until_endpoints, until_no_problem, until_problem};
use crate::harness::etcd::{Etcd, free_port};
use crate::harness::{Gateway, Setup};

async fn asking(servers: &[SocketAddr]) -> Gateway {
    let servers: Vec<_> = servers.iter().map(|server| format!("\"http://{server}\"")).collect();
    let keys = format!("discovery = {{ etcd = [{}], prefix = \"/shop/\" }}", servers.join(", "));
    Setup::new(shop(&keys)).start().await
}

fn value(address: SocketAddr) -> String {
    format!("{{\"address\": \"{address}\"}}")
}

#[tokio::test]
async fn endpoints_are_read_from_keys_and_followed() {
    let Some(etcd) = Etcd::start().await else { return };
    let (one, two) = two().await;
    etcd.put("/shop/1", &value(one.address())).await;
    etcd.put("/shopping/1", "of somebody else").await;
    let gateway = asking(&[etcd.address()]).await;
    assert_eq!(answered_by(&gateway).await, "one");
    etcd.put("/shop/2", &format!("address = \"{}\"\nweight = 7", two.address())).await;
    until_endpoints(&gateway, &[one.address(), two.address()]).await;
    assert_eq!(gateway.admin().endpoint("shop", two.address()).await.expect("it is shown")["weight"], 7);
    etcd.put("/shop/1", "garbage").await;
    until_problem(&gateway, "/shop/1").await;
    until_endpoints(&gateway, &[one.address(), two.address()]).await;
    etcd.delete("/shop/1").await;
    until_endpoints(&gateway, &[two.address()]).await;
    until_no_problem(&gateway).await;
    etcd.delete("/shop/2").await;
    until_endpoints(&gateway, &[]).await;
    assert_eq!(gateway.get("/empty").await.status(), 503);
    assert_eq!(gateway.access_line("/empty").await["cause"], "no-endpoints");
}

#[tokio::test]
async fn a_lost_server_leaves_the_last_good_set_and_what_happened_meanwhile_is_read_anew() {
    let Some(mut etcd) = Etcd::start().await else { return };
    let (one, two) = two().await;
    etcd.put("/shop/1", &value(one.address())).await;
    let nobody = free_port();
    let gateway = asking(&[nobody, etcd.address()]).await;
    assert_eq!(answered_by(&gateway).await, "one");
    etcd.kill().await;
    let told = until_problem(&gateway, &etcd.address().to_string()).await;
    assert_eq!(told["endpoints"], 1);
    assert_eq!(answered_by(&gateway).await, "one");
    etcd.restart().await;
    etcd.delete("/shop/1").await;
    let put = etcd.put("/shop/2", &value(two.address())).await;
    etcd.compact(put["header"]["revision"].as_str().expect("a revision")).await;
    until_endpoints(&gateway, &[two.address()]).await;
    until_no_problem(&gateway).await;
    assert_eq!(answered_by(&gateway).await, "two");
    etcd.put("/shop/3", &value(one.address())).await;
    until_endpoints(&gateway, &[one.address(), two.address()]).await;
}
