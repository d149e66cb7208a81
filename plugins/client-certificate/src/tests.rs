use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{ClientCertificate as Shown, Decision, LocalResponse, RequestPolicy, consumers};

use super::{ClientCertificate, Config};

fn decide(request: &TestRequest) -> Decision {
    let policy: ClientCertificate = testing::configure("{}").unwrap();
    policy.on_request(&request.view())
}

fn shown(sha256: [u8; 32], name: &str) -> TestRequest {
    let (common_name, dns_names) = (Some(name.to_owned()), vec![name.to_owned()]);
    TestRequest::get("/").client_certificate(Shown { sha256: sha256.into(), common_name, dns_names })
}

#[track_caller]
fn is_challenged(request: &TestRequest) {
    let expected = LocalResponse::new(401).header("www-authenticate", "ClientCertificate realm=\"tidegate\"");
    assert_eq!(decide(request), Decision::Respond(expected));
}

#[test]
fn a_known_certificate_identifies_its_consumer() {
    let _host = TestHost::new().certificate("alice", [1; 32]).certificate("bob", [2; 32]);
    for (name, sha256) in [("alice", [1; 32]), ("bob", [2; 32])] {
        let Decision::Forward(forward) = decide(&shown(sha256, "anybody")) else { panic!("refused") };
        assert_eq!(forward.consumer, consumers::find_by_name(name).map(consumers::ConsumerId::number));
        assert!(forward.request.is_empty());
    }
}

#[test]
fn everything_else_meets_the_same_answer() {
    let _host = TestHost::new().certificate("alice", [1; 32]);
    is_challenged(&TestRequest::get("/"));
    is_challenged(&TestRequest::get("/").scheme("https"));
    is_challenged(&shown([3; 32], "alice"));
}

#[test]
fn what_a_header_says_of_a_certificate_is_not_believed() {
    let _host = TestHost::new().certificate("alice", [1; 32]);
    let sha256 = "01".repeat(32);
    for name in ["x-client-cert", "x-client-cert-sha256", "client-cert", "x-forwarded-client-cert", "x-ssl-client-s-dn"]
    {
        is_challenged(&TestRequest::get("/").header(name, sha256.as_str()).header(name, "CN=alice"));
    }
}

#[test]
fn a_realm_that_cannot_be_quoted_is_refused() {
    let problems = testing::configure::<ClientCertificate>(r#"{"realm":"a\"b"}"#).unwrap_err();
    assert_eq!(problems[0].to_string(), "realm: must be printable ASCII without quotes and backslashes");
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
