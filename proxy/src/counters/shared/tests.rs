use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Commands as _, ConnectionLike as _};

use super::{Link, LinkKeeper, SharedCounters};
use crate::config::model::{RedisServer, SharedStore};
use crate::counters::clock::TestClock;
use crate::counters::{Admission, Counters, Quota};
use crate::observe::metrics::Metrics;
use programs::Redis;

mod likeness;
#[path = "../../../../tests/e2e/harness/programs.rs"]
mod programs;

/// No window of it ends during a test.
const LONG: u32 = 7 * 86_400_000;

/// No busy machine makes Redis look as if it were away.
const PATIENT: Duration = Duration::from_secs(10);
/// Where it hangs, tests wait for as long.
const IMPATIENT: Duration = Duration::from_millis(300);

/// One gateway: a link, kept open, and the counters of one policy.
struct Gateway {
    counters: Arc<SharedCounters>,
    link: Arc<Link>,
    metrics: Metrics,
    _keeper: LinkKeeper,
}

fn store(port: u16, timeout: Duration) -> Arc<SharedStore> {
    let server = RedisServer { host: "127.0.0.1".into(), port, database: 0, user: None, password: None };
    Arc::new(SharedStore { server, timeout, prefix: "t:".into() })
}

fn gateway(port: u16) -> Gateway {
    gateway_that_waits(port, PATIENT)
}

fn gateway_that_waits(port: u16, timeout: Duration) -> Gateway {
    let metrics = Metrics::new();
    let link = Arc::new(Link::new(&store(port, timeout), metrics.shared_counters()));
    let keeper = LinkKeeper::new(tokio::runtime::Handle::current());
    keeper.reconcile(Some(&link));
    let clock = Arc::new(TestClock::default());
    clock.advance_ms(1_700_000_000_000);
    let local = Counters::new(clock).policy("limit", 1000);
    let counters = Arc::new(SharedCounters::new(Arc::clone(&link), "limit", local, 1000));
    Gateway { counters, link, metrics, _keeper: keeper }
}

impl Gateway {
    fn is_up(&self) -> bool {
        self.link.status().away_because.is_none()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so(self) {
            assert!(Instant::now() < deadline, "waited in vain for {what}: {:?}", self.link.status());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn open(port: u16) -> Self {
        Self::open_that_waits(port, PATIENT).await
    }

    async fn open_that_waits(port: u16, timeout: Duration) -> Self {
        let gateway = gateway_that_waits(port, timeout);
        gateway.until("a way that is open", Self::is_up).await;
        gateway
    }

    /// A sample of the series that shared counters keep.
    fn sample(&self, series: &str) -> u64 {
        let text = self.metrics.render(&());
        let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_default();
        line.trim().parse().unwrap_or_default()
    }

    fn failures(&self) -> u64 {
        let of = |kind| self.sample(&format!("tidegate_shared_counter_failures_total{{kind=\"{kind}\"}}"));
        of("timeout") + of("connection") + of("answer")
    }
}

fn client(redis: &Redis) -> redis::Connection {
    redis::Client::open(format!("redis://{}", redis.address())).unwrap().get_connection().unwrap()
}

/// Asks two gateways 200 times each, all at once; returns how many were let in.
async fn admitted_by_two<F>(port: u16, take: impl Fn(Arc<SharedCounters>) -> F) -> usize
where
    F: Future<Output = Admission> + Send + 'static,
{
    let gateways = [Gateway::open(port).await, Gateway::open(port).await];
    let mut tasks = tokio::task::JoinSet::new();
    for gateway in &gateways {
        for _ in 0..200 {
            tasks.spawn(take(Arc::clone(&gateway.counters)));
        }
    }
    let admitted = tasks.join_all().await.into_iter().filter(|admission| admission.allowed).count();
    assert_eq!(gateways.each_ref().map(Gateway::failures), [0, 0]);
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_share_one_limit_exactly() {
    let Some(redis) = Redis::start() else { return };
    let port = redis.address().port();
    let quota = Quota { limit: 37, window_ms: LONG };
    assert_eq!(
        admitted_by_two(port, move |counters| async move { counters.take_gcra(b"k", quota, 41, 1).await }).await,
        41
    );
    assert_eq!(
        admitted_by_two(port, move |counters| async move { counters.take_window(b"k", quota, 1).await }).await,
        37
    );
    assert_eq!(
        admitted_by_two(port, move |counters| async move { counters.take_sliding(b"k", quota, 1).await }).await,
        37
    );
}

#[tokio::test]
async fn two_gateways_add_to_one_number_and_no_sum_is_seen_twice() {
    let Some(redis) = Redis::start() else { return };
    let gateways = [Gateway::open(redis.address().port()).await, Gateway::open(redis.address().port()).await];
    let mut sums = Vec::new();
    for _ in 0..50 {
        for gateway in &gateways {
            sums.push(gateway.counters.add(b"k", 3, 60_000).await);
        }
    }
    assert_eq!(sums, (1..=100).map(|turn| 3 * turn).collect::<Vec<_>>());
    let [one, other] = &gateways;
    assert_eq!(one.counters.add(b"k", i64::MAX, 60_000).await, i64::MAX, "it saturates");
    assert_eq!(other.counters.add(b"k", -1, 60_000).await, i64::MAX - 1, "and is exact beyond 53 bits");
    assert_eq!(one.counters.add(b"l", i64::MIN, 60_000).await, i64::MIN);
    assert_eq!(other.counters.add(b"l", -1, 60_000).await, i64::MIN);
}

#[tokio::test]
async fn a_key_in_redis_is_short_expires_and_says_nothing_of_the_client() {
    let Some(redis) = Redis::start() else { return };
    let gateway = Gateway::open(redis.address().port()).await;
    let (counters, quota) = (&gateway.counters, Quota { limit: 10, window_ms: 60_000 });
    let key = b"alice@192.0.2.7 ".repeat(1 << 16);
    assert!(counters.take_gcra(&key, quota, 10, 1).await.allowed);
    assert!(counters.take_window(&key, quota, 1).await.allowed);
    assert!(counters.take_sliding(&key, quota, 1).await.allowed);
    assert_eq!(counters.add(&key, 1, 60_000).await, 1);
    let mut client = client(&redis);
    let keys: Vec<String> = client.keys("*").unwrap();
    assert_eq!(keys.len(), 5, "four kinds, and the probe: {keys:?}");
    for key in keys {
        assert!(key.starts_with("t:") && key.len() <= 64, "{key}");
        assert!(!key.contains("alice") && !key.contains("192"), "{key}");
        let left: i64 = client.pttl(&key).unwrap();
        assert!((1..=120_000).contains(&left), "{key} expires in {left} ms");
        let value: String = client.get(&key).unwrap();
        assert!(value.len() <= 64, "{key}: {value}");
    }
}

#[tokio::test]
async fn a_refusal_writes_nothing() {
    let Some(redis) = Redis::start() else { return };
    let gateway = Gateway::open(redis.address().port()).await;
    let quota = Quota { limit: 1, window_ms: LONG };
    assert!(gateway.counters.take_gcra(b"k", quota, 1, 1).await.allowed);
    let refused = gateway.counters.take_gcra(b"k", quota, 1, 1).await;
    assert!(!refused.allowed && refused.retry_after_ms > LONG / 2);
    let mut client = client(&redis);
    let name = gateway.counters.name_of(super::Kind::Gcra, b"k");
    let before: String = client.get(&name).unwrap();
    assert!(!gateway.counters.take_gcra(b"k", quota, 1, 1).await.allowed);
    assert_eq!(client.get::<_, String>(&name).unwrap(), before);
}

#[tokio::test]
async fn a_gateway_that_loses_redis_goes_on_from_what_it_let_through_itself() {
    let Some(mut redis) = Redis::start() else { return };
    let gateway = Gateway::open(redis.address().port()).await;
    let quota = Quota { limit: 10, window_ms: LONG };
    let take = async || gateway.counters.take_window(b"k", quota, 1).await.allowed;
    for _ in 0..4 {
        assert!(take().await);
    }
    redis.kill();
    for turn in 4..20 {
        assert_eq!(take().await, turn < 10, "take {turn}");
    }
    gateway.until("a loss that is noticed", |gateway| !gateway.is_up()).await;
    assert!(gateway.failures() <= 1, "one call at most found out");
    redis.restart();
    gateway.until("Redis to be back", Gateway::is_up).await;
    assert!(take().await, "Redis came back empty, and decides");
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_timeout() {
    let Some(redis) = Redis::start() else { return };
    let gateway = Gateway::open_that_waits(redis.address().port(), IMPATIENT).await;
    let quota = Quota { limit: 1_000_000, window_ms: LONG };
    redis.hang();
    for _ in 0..1000 {
        assert!(gateway.counters.take_window(b"k", quota, 1).await.allowed);
    }
    assert!(gateway.failures() <= 1);
    assert!(!gateway.is_up());
    redis.go_on();
    gateway.until("Redis to be back", Gateway::is_up).await;
}

#[tokio::test]
async fn calls_that_find_no_place_to_wait_are_decided_here() {
    let Some(redis) = Redis::start() else { return };
    let gateway = Gateway::open_that_waits(redis.address().port(), IMPATIENT).await;
    let local = Counters::default().policy("limit", 1000);
    let counters = Arc::new(SharedCounters::new(Arc::clone(&gateway.link), "limit", local, 2));
    redis.hang();
    let quota = Quota { limit: 1000, window_ms: LONG };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let counters = Arc::clone(&counters);
        tasks.spawn(async move { counters.take_window(b"k", quota, 1).await });
    }
    assert!(tasks.join_all().await.iter().all(|admission| admission.allowed));
    assert!(gateway.sample("tidegate_shared_counter_failures_total{kind=\"crowded\"}") > 0);
    assert!(gateway.failures() <= 2);
}

#[tokio::test]
async fn a_redis_that_goes_while_nobody_asks_is_noticed() {
    let Some(mut redis) = Redis::start() else { return };
    let gateway = Gateway::open(redis.address().port()).await;
    redis.kill();
    gateway.until("a loss that is noticed", |gateway| !gateway.is_up()).await;
    assert_eq!(gateway.failures(), 0);
}

#[tokio::test]
async fn what_redis_refuses_is_decided_here() {
    let Some(redis) = Redis::start() else { return };
    let gateway = Gateway::open(redis.address().port()).await;
    let mut client = client(&redis);
    let name = gateway.counters.name_of(super::Kind::Window, b"k");
    let () = client.lpush(&name, "no counter of ours").unwrap();
    let quota = Quota { limit: 1, window_ms: LONG };
    assert!(gateway.counters.take_window(b"k", quota, 1).await.allowed);
    assert_eq!(gateway.failures(), 1);
    gateway.until("the way to open again", Gateway::is_up).await;
    client.req_command(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1")).unwrap();
    let mut refused = 0;
    while gateway.is_up() {
        refused +=
            u32::from(!gateway.counters.take_gcra(b"k", Quota { limit: 1_000, ..quota }, 1_000, 1).await.allowed);
    }
    assert_eq!(refused, 0);
    assert!(gateway.link.status().away_because.unwrap().contains("OOM"));
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_told_again() {
    let Some(redis) = Redis::start() else { return };
    let gateway = Gateway::open(redis.address().port()).await;
    let quota = Quota { limit: 2, window_ms: LONG };
    assert!(gateway.counters.take_sliding(b"k", quota, 1).await.allowed);
    client(&redis).req_command(redis::cmd("SCRIPT").arg("FLUSH")).unwrap();
    assert!(gateway.counters.take_sliding(b"k", quota, 1).await.allowed);
    assert!(!gateway.counters.take_sliding(b"k", quota, 1).await.allowed);
    assert_eq!(gateway.failures(), 0);
}

#[tokio::test]
async fn a_user_with_few_rights_and_a_password_is_enough_and_none_keeps_the_way_closed() {
    let Some(redis) = Redis::start() else { return };
    let mut client = client(&redis);
    client.req_command(redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("p@ss/word")).unwrap();
    let closed = gateway(redis.address().port());
    let asks = |gateway: &Gateway| gateway.link.status().away_because.is_some_and(|why| why.contains("NOAUTH"));
    closed.until("a refusal that is told", asks).await;
    let rights = "on >p@ss/word ~t:* +evalsha +script|load +get +set +incrby +pexpire +time +select";
    client
        .req_command(redis::cmd("ACL").arg("SETUSER").arg("tide").arg(rights.split(' ').collect::<Vec<_>>()))
        .unwrap();
    let text = format!("redis = \"redis://tide:p%40ss%2fword@{}/1\"\nprefix = \"t:\"", redis.address());
    let text = format!("[counters]\n{text}\n{}", SERVES_NOTHING);
    let loaded = crate::config::parse("t.toml", "".as_ref(), &text).unwrap();
    let store = loaded.config.counters.clone().unwrap();
    let metrics = Metrics::new();
    let link = Arc::new(Link::new(&store, metrics.shared_counters()));
    assert_eq!(link.try_to_open().await, Ok(()));
    assert!(!link.status().server.contains("word"));
    let local = Counters::default().policy("limit", 1000);
    let counters = SharedCounters::new(Arc::clone(&link), "limit", local, 10);
    let quota = Quota { limit: 2, window_ms: LONG };
    assert!(counters.take_gcra(b"k", quota, 2, 1).await.allowed);
    assert!(counters.take_window(b"k", quota, 1).await.allowed);
    assert!(counters.take_sliding(b"k", quota, 1).await.allowed);
    assert_eq!(link.status().away_because, None);
}

const SERVES_NOTHING: &str = "
[[listener]]
name = \"http\"
address = \"127.0.0.1:0\"
[[upstream]]
name = \"api\"
[[route]]
name = \"all\"
upstream = \"api\"
";
