//! A file of consumers that the command keeps, and what a running gateway makes of it.

use std::io::Write;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::harness::command::{Finished, finished, tidegate};
use crate::harness::gateway::replace;
use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, eventually, guests, route, upstream};

/// `tidegate consumer` in the folder of this gateway, with a line on standard input.
async fn consumer(gateway: &Gateway, arguments: &[&str], input: &str) -> Finished {
    let mut stdin = tempfile::tempfile().expect("a temporary file");
    stdin.write_all(input.as_bytes()).expect("a writable file");
    std::io::Seek::rewind(&mut stdin).expect("a file that can be read again");
    let mut command = tidegate();
    command.arg("consumer").args(arguments).current_dir(gateway.directory()).stdin(Stdio::from(stdin));
    finished("consumer", command).await
}

async fn done(gateway: &Gateway, arguments: &[&str], input: &str) -> String {
    let finished = consumer(gateway, arguments, input).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stdout.trim().to_owned()
}

/// Keys and passwords of the consumers in `consumers.toml`, which begins empty.
async fn guarded(origin: &Origin) -> Gateway {
    let grants = "grants = [\"consumers\", \"passwords\"]";
    let sections = upstream("origin", &[origin])
        + &plugin("api-key", &guests::shipped("api_key"), grants)
        + &plugin("basic-auth", &guests::shipped("basic_auth"), grants)
        + &policy("keys", "api-key", "")
        + &policy("passwords", "basic-auth", "")
        + &route("by-key", "origin", "policies = [\"keys\"]\npath = { prefix = \"/key\" }")
        + &route("by-password", "origin", "policies = [\"passwords\"]\npath = { prefix = \"/password\" }")
        + "[consumers]\nfile = \"consumers.toml\"\n";
    let setup = Setup::new(sections);
    std::fs::write(setup.directory().join("consumers.toml"), "# ours\n").expect("a writable folder");
    setup.start().await
}

fn with_password(credentials: &str) -> Request {
    Request::get("/password").field("authorization", &format!("Basic {}", STANDARD.encode(credentials)))
}

async fn until_admitted(gateway: &Gateway, request: &Request) {
    let is_admitted = async || (gateway.call(request).await.status() == 200).then_some(());
    eventually("the consumer to be known", is_admitted).await;
}

#[tokio::test]
async fn a_consumer_that_is_added_is_known_while_the_gateway_serves() {
    let origin = Origin::start().await;
    let gateway = guarded(&origin).await;
    assert_eq!(gateway.call(&with_password("alice:open:sesame")).await.status(), 401);

    done(&gateway, &["add", "alice", "--tag", "gold"], "").await;
    let key = done(&gateway, &["key", "alice"], "").await;
    done(&gateway, &["password", "alice"], "open:sesame\n").await;
    until_admitted(&gateway, &with_password("alice:open:sesame")).await;
    until_admitted(&gateway, &Request::get("/key").field("apikey", &key)).await;
    let seen = origin.requests().pop().expect("a request");
    assert_eq!((seen.field("x-consumer-name"), seen.field("x-consumer-tags")), (Some("alice"), Some("gold")));
    assert_eq!(gateway.access_line("/key").await["consumer"], "alice");
    assert_eq!(gateway.call(&with_password("alice:wrong")).await.status(), 401);
    let counted = [("consumer", "alice"), ("class", "2xx")];
    let metrics = gateway.admin().metrics().await;
    assert!(metrics.sum("tidegate_consumer_requests_total", &counted) >= 2.0);
    done(&gateway, &["subject", "alice", "https://accounts.example", "248289761001"], "").await;
    assert_eq!(done(&gateway, &["list"], "").await, "alice [gold]: 1 API key, password, 1 token subject");

    let text = std::fs::read_to_string(gateway.directory().join("consumers.toml")).expect("the file");
    assert!(text.starts_with("# ours\n") && !text.contains(&key) && !text.contains("sesame"), "{text}");
}

#[tokio::test]
async fn a_broken_file_of_consumers_leaves_the_last_good_one() {
    let origin = Origin::start().await;
    let gateway = guarded(&origin).await;
    done(&gateway, &["add", "alice"], "").await;
    done(&gateway, &["password", "alice"], "sesame").await;
    until_admitted(&gateway, &with_password("alice:sesame")).await;

    replace(&gateway.directory().join("consumers.toml"), "[[consumer]]\nname = \"alice\"\npassword = \"sesame\"\n");
    gateway.until_logged("not the hash of a password").await;
    assert!(!gateway.log().contains("password = \"sesame\""), "a secret is not logged");
    assert_eq!(gateway.call(&with_password("alice:sesame")).await.status(), 200);
}

#[tokio::test]
async fn the_command_says_what_it_will_not_do() {
    let origin = Origin::start().await;
    let gateway = guarded(&origin).await;
    consumer(&gateway, &["key", "eve"], "").await.says(&["there is no consumer named \"eve\""]);
    done(&gateway, &["add", "alice"], "").await;
    consumer(&gateway, &["add", "alice"], "").await.says(&["there is a consumer named \"alice\" already"]);
    consumer(&gateway, &["password", "alice"], "").await.says(&["standard input holds no password", "hint: "]);
    let refused = consumer(&gateway, &["add", "no name"], "").await;
    assert_eq!(refused.says(&["\"no name\" is not a name"]).code, Some(1));
}
