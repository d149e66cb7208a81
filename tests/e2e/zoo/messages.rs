//! Answers that try to be two.

use super::{UNHURRIED, Zoo, caged};
use crate::harness::{Request, h2};

/// A guest that answers requests, and one that replaces responses, with the status that the path ends in.
async fn smugglers() -> [Zoo; 2] {
    [Zoo::of("smuggler", UNHURRIED).await, Zoo::of_guest("saboteur_response", UNHURRIED).await]
}

fn smuggle(method: &str, target: &str) -> Request {
    Request::new(method, target).field("x-mode", "smuggle")
}

#[tokio::test]
async fn a_body_where_none_may_be_is_not_taken_for_the_next_answer() {
    for zoo in smugglers().await {
        let mut client = zoo.gateway.client().await;
        for (method, status) in [("GET", 204), ("GET", 205), ("GET", 304), ("HEAD", 200), ("HEAD", 404), ("GET", 200)] {
            let target = format!("/caged/{status}");
            client.send(smuggle(method, &target).bytes()).await;
            let answer = client.try_receive(method == "HEAD").await.expect("a whole answer");
            assert_eq!(answer.status(), status);
            assert_eq!(client.call(&Request::get("/free")).await.text(), "origin", "after {method} {target}");
        }
    }
}

#[tokio::test]
async fn a_body_where_none_may_be_leaves_an_http2_connection_whole() {
    for zoo in smugglers().await {
        let client = zoo.gateway.h2().await;
        for status in [204, 205, 304, 200] {
            let request = http::Request::get(format!("http://edge.test/caged/{status}")).header("x-mode", "smuggle");
            let answer = client.call(request.body(()).expect("legal"), &[]).await;
            assert_eq!(answer.status(), status);
            assert_eq!(client.call(h2::get("http://edge.test/free"), &[]).await.text(), "origin");
        }
        assert!(client.is_open());
    }
}

#[tokio::test]
async fn a_status_that_is_none_is_refused_on_the_wire_too() {
    for zoo in smugglers().await {
        for (refused, status) in (1..).zip(["100", "101", "199", "600", "999"]) {
            let answer = zoo.gateway.call(&smuggle("GET", &format!("/caged/{status}"))).await;
            assert_eq!(answer.status(), 503, "{status}");
            assert_eq!(zoo.came_to("illegal").await, f64::from(refused));
        }
    }
}

#[tokio::test]
async fn illegal_edits_are_refused_a_hundred_times_in_a_row() {
    let zoo = Zoo::of_guest("hostile", UNHURRIED).await;
    zoo.stays_contained(&caged().field("x-mode", "value"), "illegal", "illegal decision").await;
}
