//! What is shown of a running configuration, and what of a new one it can take over.

use super::{MINIMAL, REFERENCE, config, minimal_and, refused};
use crate::config::{changes, show};

const SECRETS: &str = r#"
[admin]
token = "hide-admin"
[[consumer]]
name = "c"
keys = ["hide-key"]
[[plugin]]
name = "p"
path = "p.wasm"
[[policy]]
name = "q"
plugin = "p"
config = { client_secret = "hide-a", Password = "hide-b", tokens = ["hide-c"], deep = [{ api_key = "hide-d" }], seen = "shown" }
"#;

#[test]
fn secrets_are_not_shown() {
    let shown = show::to_json(&minimal_and(SECRETS)).to_string();
    assert!(!shown.contains("hide-"), "{shown}");
    assert!(!shown.contains(&hex::encode(minimal_and(SECRETS).consumers[0].credentials.api_key_hashes[0])));
    assert!(shown.contains("\"seen\":\"shown\"") && shown.contains("<redacted>"));
}

#[test]
fn secrets_are_not_in_problems() {
    let wrong = SECRETS
        .replace("hide-admin", "hide admin")
        .replace("hide-key", "hide key")
        .replace("\"p\"\nconfig", "\"x\"\nconfig");
    let unclosed = SECRETS.replace("\"hide-admin\"", "\"hide-admin");
    let same_line = SECRETS.replace("seen = \"shown\"", "seen = nan");
    let number = SECRETS.replace("\"hide-key\"", "31337");
    let misspelt = SECRETS.replace("token =", "tokn =").replace("keys =", "kys =");
    let inline = "[[consumer]]\nname = \"d\"\n".to_owned() + "api_key = \"hide\"";
    let elsewhere = "[admn]\ntoken = \"hide\"".to_owned();
    let large = SECRETS.replace("\"hide-a\"", "99999999999999999999931337");
    for text in [wrong, unclosed, same_line, number, misspelt, inline, elsewhere, large] {
        let rendered = refused(&format!("{MINIMAL}{text}")).render(false);
        assert!(!rendered.contains("hide") && !rendered.contains("31337"), "{rendered}");
    }
}

/// Fields that carry credentials, wherever a configuration may write fields.
const FIELDS: &str = r#"
[[upstream]]
name = "checked"
[upstream.sticky]
cookie = "seen-cookie"
[upstream.health]
path = "/"
headers = { authorization = "hide-a", Cookie = "hide-b", proxy-authorization = "hide-c", x-probe = "seen-probe" }
[[upstream.endpoint]]
address = "127.0.0.1:9002"
[[plugin]]
name = "p"
path = "p.wasm"
[[policy]]
name = "q"
plugin = "p"
config = { Authorization = "hide-d", add = { set-cookie = ["hide-e"] }, credential = "hide-f", credentials = true }
[[route]]
name = "r"
upstream = "checked"
headers = { authorization = "hide-g", cookie = true, x-match = "seen-match" }
query = { credential = "hide-h" }
"#;

#[test]
fn fields_that_carry_credentials_are_not_shown() {
    let shown = show::to_json(&minimal_and(FIELDS));
    let text = shown.to_string();
    assert!(!text.contains("hide-"), "{text}");
    for seen in ["seen-cookie", "seen-probe", "seen-match"] {
        assert!(text.contains(seen), "{seen} in {text}");
    }
    assert_eq!(shown["policy"][0]["config"]["credentials"], true);
    assert_eq!(shown["route"][1]["headers"]["cookie"], true);
}

#[test]
fn fields_that_carry_credentials_are_not_in_problems() {
    for table in ["headers = {", "config = {", "query = {"] {
        let text = FIELDS.replace(table, &format!("{table} wrong = nan,"));
        let rendered = refused(&format!("{MINIMAL}{text}")).render(false);
        assert!(rendered.contains("wrong = nan") && !rendered.contains("hide-"), "{rendered}");
    }
    let cookie = refused(&format!("{MINIMAL}{}", FIELDS.replace("seen-cookie", "seen cookie"))).render(false);
    assert!(cookie.contains("cookie = \"seen cookie\""), "the name of a cookie is no secret:\n{cookie}");
    let flag = refused(&format!("{MINIMAL}{}", FIELDS.replace("credentials = true", "credentials = true, no = nan")));
    assert!(flag.render(false).contains("credentials = true"), "nor is a flag:\n{}", flag.render(false));
}

#[test]
fn what_is_shown_is_in_the_words_of_the_language() {
    let shown = show::to_json(&config(REFERENCE));
    assert_eq!(shown["limits"]["head"], "32KiB");
    assert_eq!(shown["limits"]["head_timeout"], "5s");
    assert_eq!(shown["upstream"][0]["health"]["statuses"][0], "200-399");
    assert_eq!(shown["forwarded"]["trusted"], serde_json::json!([]));
    assert_eq!(shown["upstream"][0]["endpoint"][0]["weight"], 100);
    assert_eq!(shown["route"][0]["path"]["prefix"], "/");
}

#[test]
fn routes_upstreams_and_limits_are_taken_over_without_a_restart() {
    let new = MINIMAL.replace("9001", "9002") + "[limits]\nheaders = 50\n[[consumer]]\nname = \"c\"";
    assert!(changes(&config(MINIMAL), &config(&new)).is_empty());
}

#[test]
fn what_is_bound_or_sized_at_start_needs_a_restart() {
    let old = config(MINIMAL);
    let after = |text: &str| changes(&old, &config(text));
    assert_eq!(after(&MINIMAL.replace("8080", "8081")), ["listener"]);
    assert_eq!(after(&MINIMAL.replace("8080\"", "8080\"\nhttp2 = false")), ["listener"]);
    assert_eq!(after(&format!("{MINIMAL}[server]\nshutdown_timeout = \"1s\"")), ["server"]);
    assert_eq!(after(&format!("{MINIMAL}[admin]\nenabled = false")), ["admin"]);
    assert_eq!(after(&format!("{MINIMAL}[limits]\nconnections = 5")), ["limits.connections"]);
}

#[test]
fn other_certificate_files_need_no_restart() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["a.pem", "b.pem"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    let with = |file: &str| {
        let tls = format!("tls = {{ certificate = \"{file}\", key = \"{file}\" }}");
        let text = MINIMAL.replace("8080\"", &format!("8080\"\n{tls}"));
        crate::config::parse("test.toml", folder.path(), &text).unwrap().config
    };
    assert!(changes(&with("a.pem"), &with("b.pem")).is_empty());
    assert_eq!(changes(&config(MINIMAL), &with("a.pem")), ["listener"]);
}
