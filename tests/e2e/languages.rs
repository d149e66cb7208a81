//! One policy in six languages: whatever a plugin was written in, the gateway and its clients see the same.
//!
//! `plugins/examples/build.sh` builds the examples. Where one is missing its test says so and passes, unless `CI` is set.

use std::path::{Path, PathBuf};

use crate::harness::command::run_long;
use crate::harness::sections::{consumer, plugin, policy};
use crate::harness::{Gateway, Origin, Request, Response, Setup, guests, route, upstream};

/// A test build of the gateway compiles a language runtime of many megabytes in half a minute, on a busy machine in several.
const COMPILE: &str = "[server.compile]\ntimeout = \"4m\"\n\n";

/// An example, under a gateway that has it on every route.
struct Example {
    language: &'static str,
    limits: &'static str,
    gateway: Gateway,
    origin: Origin,
}

impl Example {
    /// `None` where the example was not built.
    async fn start(language: &'static str, limits: &'static str) -> Option<Self> {
        guests::example(language)?;
        let origin = Origin::start().await;
        let setup = Setup::new(sections(language, limits, "", &origin)).slow_to_start();
        let gateway = setup.start().await;
        Some(Self { language, limits, gateway, origin })
    }

    async fn decides_every_case_as_the_table_says(&self) {
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/examples/cases.toml");
        let [table, file] = [table, component(self.language)].map(|path| path.display().to_string());
        let done = run_long(&["plugin", "test", &table, "--plugin", &file]).await;
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    }

    async fn answers_the_public_path_itself(&self) {
        let answer = self.gateway.get("/health?deep").await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok\n"));
        assert_eq!(answer.field("content-type"), Some("text/plain"));
    }

    async fn refuses_who_has_no_key_of_its_own(&self) {
        let two = with_key("alice-key").field("apikey", "bob-key");
        for request in [Request::get("/"), with_key("wrong"), with_key(""), two, Request::get("/health/")] {
            is_refused(&self.gateway.call(&request).await);
        }
        assert!(self.origin.requests().is_empty());
    }

    async fn admits_and_identifies_who_has_one(&self) {
        let answer = self.gateway.call(&with_key("alice-key")).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "origin"));
        assert_eq!(answer.field("x-policy"), Some("key-gate"));
        let seen = self.origin.only_request();
        assert_eq!(seen.all("x-consumer-name"), ["alice"]);
        assert_eq!(seen.all("apikey"), Vec::<&str>::new(), "the key ends here");
        assert_eq!(seen.all("x-gate"), [self.language]);
    }

    async fn lives_on_over_many_requests(&self) {
        let mut client = self.gateway.client().await;
        for key in ["alice-key", "wrong", "bob-key"].into_iter().cycle().take(300) {
            let status = client.call(&with_key(key)).await.status();
            assert_eq!(status, if key == "wrong" { 401 } else { 200 });
        }
        let metrics = self.gateway.admin().metrics().await;
        for failure in ["trap", "out_of_time", "out_of_memory", "illegal"] {
            let labels = [("policy", "gate"), ("outcome", failure)];
            assert_eq!(metrics.sum("tidegate_policy_calls_total", &labels), 0.0, "{failure}");
        }
    }

    async fn takes_over_what_the_operator_writes(&self) {
        let config = "header = \"X-Token\"\ntag = \"x-tag\"\nmark = \"a \\\\ \\\"b\\\" ä\"\npublic = \"/up\"";
        self.gateway.take_over(self.sections(config)).await;
        assert_eq!(self.gateway.get("/up").await.text(), "ok\n");
        is_refused(&self.gateway.call(&with_key("alice-key")).await);
        let request = Request::get("/configured").field("x-token", "bob-key").field("x-tag", "forged");
        assert_eq!(self.gateway.call(&request).await.status(), 200);
        let requests = self.origin.requests();
        let seen = requests.iter().find(|seen| seen.target() == "/configured").expect("it was forwarded");
        assert_eq!((seen.all("x-consumer-name"), seen.all("x-tag")), (vec!["bob"], vec!["a \\ \"b\" ä"]));
    }

    async fn refuses_a_configuration_with_its_places(&self) {
        for (config, place) in [("tag = 7", "tag"), ("headr = { a = [\"}\", 1] }", "headr"), ("mark = []", "mark")] {
            let report = self.gateway.reload_with(self.sections(config)).await;
            assert_eq!(report["outcome"], "rejected", "{report}");
            assert!(report["problems"].to_string().contains(place), "{report}");
        }
        assert_eq!(self.gateway.get("/up").await.text(), "ok\n", "the last good configuration serves on");
    }

    fn sections(&self, config: &str) -> String {
        sections(self.language, self.limits, config, &self.origin)
    }
}

fn sections(language: &str, limits: &str, config: &str, origin: &Origin) -> String {
    COMPILE.to_owned()
        + &upstream("origin", &[origin])
        + &plugin("gate", &component(language), &format!("grants = [\"consumers\"]\n{limits}"))
        + &policy("gate", "gate", &format!("[policy.config]\n{config}"))
        + &consumer("alice", "alice-key")
        + &consumer("bob", "bob-key")
        + &route("all", "origin", "policies = [\"gate\"]")
}

fn component(language: &str) -> PathBuf {
    guests::example(language).expect("it was there when the test began")
}

fn with_key(key: &str) -> Request {
    Request::get("/").field("apikey", key)
}

#[track_caller]
fn is_refused(answer: &Response) {
    assert_eq!((answer.status(), answer.text().as_str()), (401, "{\"error\":\"no key\"}\n"));
    assert_eq!(answer.field("www-authenticate"), Some("ApiKey"));
}

async fn is_the_same(language: &'static str, limits: &'static str) {
    let Some(example) = Example::start(language, limits).await else { return };
    example.decides_every_case_as_the_table_says().await;
    example.answers_the_public_path_itself().await;
    example.refuses_who_has_no_key_of_its_own().await;
    example.admits_and_identifies_who_has_one().await;
    example.lives_on_over_many_requests().await;
    example.takes_over_what_the_operator_writes().await;
    example.refuses_a_configuration_with_its_places().await;
}

#[tokio::test]
async fn the_policy_is_the_same_in_rust() {
    is_the_same("rust", "").await;
}

#[tokio::test]
async fn the_policy_is_the_same_in_c() {
    is_the_same("c", "").await;
}

#[tokio::test]
async fn the_policy_is_the_same_in_assemblyscript() {
    is_the_same("assemblyscript", "").await;
}

#[tokio::test]
async fn the_policy_is_the_same_in_go() {
    is_the_same("go", "").await;
}

#[tokio::test]
async fn the_policy_is_the_same_in_javascript() {
    is_the_same("javascript", "limits = { memory = \"64MiB\" }").await;
}

#[tokio::test]
async fn the_policy_is_the_same_in_python() {
    is_the_same("python", "limits = { memory = \"32MiB\" }").await;
}
