//! Calls that nobody waits for any more.

use super::{Cage, Zoo, caged};
use crate::harness::h2::H2Client;
use crate::harness::{Answer, Client, Latch, Origin, Reply, Setup, eventually, guests, h2, upstream};

const CAGE: &str = "grants = [\"http-client\"]\nupstreams = [\"auth\"]";
/// As many as may wait at once.
const INSTANCES: usize = 8;

/// A gateway whose policy waits for an upstream.
struct Waiting {
    zoo: Zoo,
    auth: Origin,
    /// Calls that reached the upstream so far.
    asked: usize,
}

impl Waiting {
    async fn start() -> Self {
        let (origin, auth, setup) = (Origin::start().await, Origin::named("auth").await, Setup::new(""));
        let file = guests::animal("waiter", setup.directory()).await;
        let more = format!("[plugin.limits]\ninstances = {INSTANCES}\nhttp_timeout = \"20s\"");
        let text = Cage::granting(CAGE).around(&file, &origin) + &upstream("auth", &[&auth]);
        let gateway = setup.rest(text.replace("[plugin.limits]", &more)).start().await;
        Self { zoo: Zoo { gateway, origin }, auth, asked: 0 }
    }

    /// The upstream holds its answers until this is open.
    fn hold(&self) -> Latch {
        let latch = Latch::new();
        self.auth.answer(Answer::after(&latch, Reply::ok("ok")));
        latch
    }

    async fn until_asked(&mut self, more: usize) {
        self.asked += more;
        let asked = self.asked;
        self.auth.until("the upstream to be asked", |seen| seen.len() >= asked).await;
    }

    /// Every place taken by a call of its own.
    async fn fill(&mut self) -> Vec<Client> {
        let mut clients = Vec::new();
        for _ in 0..INSTANCES {
            let mut client = self.zoo.gateway.client().await;
            client.send(caged().bytes()).await;
            clients.push(client);
        }
        self.until_asked(INSTANCES).await;
        clients
    }

    /// Every place taken by a call of its own, over streams that are reset while it waits.
    async fn fill_and_reset(&mut self, client: &H2Client) {
        for _ in 0..INSTANCES {
            tokio::select! {
                answer = client.call(h2::get("http://edge.test/caged"), &[]) => panic!("{}", answer.status()),
                () = self.until_asked(1) => {}
            }
        }
    }

    /// Calls that came to a decision or to a failure.
    async fn ended(&self) -> f64 {
        let metrics = self.zoo.gateway.admin().metrics().await;
        metrics.sum("tidegate_policy_calls_total", &[("policy", "caged")])
    }

    /// Waits until no call is under way.
    async fn until_quiet(&self) {
        let ask = async || {
            let plugins = self.zoo.gateway.admin().get("/plugins").await;
            let policy = plugins[0]["policies"][0].clone();
            (policy["instances"] == policy["idle"]).then_some(())
        };
        eventually("all calls to end", ask).await;
    }
}

#[tokio::test]
async fn calls_that_wait_take_their_places_and_no_more() {
    let mut waiting = Waiting::start().await;
    let latch = waiting.hold();
    let mut clients = waiting.fill().await;
    assert_eq!(waiting.zoo.gateway.call(&caged()).await.status(), 503, "one too many is shed");
    assert_eq!(waiting.zoo.came_to("overloaded").await, 1.0);
    assert_eq!(waiting.zoo.gateway.get("/free").await.status(), 200);
    latch.open();
    for client in &mut clients {
        assert_eq!(client.receive().await.status(), 200);
    }
}

#[tokio::test]
async fn clients_that_leave_while_a_policy_waits_leave_its_places_free() {
    let mut waiting = Waiting::start().await;
    let mut before = None;
    for _ in 0..10 {
        let latch = waiting.hold();
        drop(waiting.fill().await);
        latch.open();
        waiting.until_quiet().await;
        before.get_or_insert_with(|| waiting.zoo.gateway.resident());
    }
    let grown = waiting.zoo.gateway.resident().saturating_sub(before.unwrap_or_default());
    assert!(grown <= super::GROWTH, "grown by {grown} bytes");
    assert_eq!(waiting.zoo.gateway.call(&caged()).await.status(), 200);
}

#[tokio::test]
async fn a_call_ends_with_its_client_and_not_with_its_answer() {
    let mut waiting = Waiting::start().await;
    let _never = waiting.hold();
    drop(waiting.fill().await);
    waiting.until_quiet().await;
    assert_eq!(waiting.ended().await, 0.0, "a call came to something");
}

#[tokio::test]
async fn a_stream_that_is_reset_while_a_policy_waits_leaves_its_connection_and_its_place() {
    let mut waiting = Waiting::start().await;
    let latch = waiting.hold();
    let client = waiting.zoo.gateway.h2().await;
    waiting.fill_and_reset(&client).await;
    assert_eq!(client.call(h2::get("http://edge.test/free"), &[]).await.status(), 200);
    // Nobody has answered them.
    waiting.until_quiet().await;
    assert_eq!(waiting.ended().await, 0.0, "a call came to something");
    latch.open();
    assert_eq!(client.call(h2::get("http://edge.test/caged"), &[]).await.status(), 200);
    assert!(client.is_open());
}

#[tokio::test]
async fn a_call_ends_with_the_http_2_connection_of_its_client() {
    let mut waiting = Waiting::start().await;
    let _never = waiting.hold();
    let client = waiting.zoo.gateway.h2().await;
    let call = tokio::spawn(async move { client.try_call(h2::get("http://edge.test/caged"), &[]).await.map(drop) });
    waiting.until_asked(1).await;
    call.abort();
    waiting.until_quiet().await;
    assert_eq!(waiting.ended().await, 0.0, "a call came to something");
    assert_eq!(waiting.zoo.gateway.access_line("/caged").await["cause"], "client-gone");
}

#[tokio::test]
async fn a_reload_under_waiting_calls_loses_none_of_them() {
    let mut waiting = Waiting::start().await;
    let latch = waiting.hold();
    let mut clients = waiting.fill().await;
    let text = waiting.zoo.gateway.sections().text(waiting.zoo.gateway.directory());
    let rest = text.split_once("[[upstream]]").map(|(_, rest)| format!("[[upstream]]{rest}")).unwrap_or_default();
    waiting.zoo.gateway.take_over(rest.replace("instances = 8", "instances = 9")).await;
    latch.open();
    for client in &mut clients {
        assert_eq!(client.receive().await.status(), 200);
    }
    assert_eq!(waiting.zoo.origin.count("/caged"), INSTANCES);
}
