//! A client that was at an endpoint comes back to it.

use std::time::Duration;

use super::*;
use crate::config::model::{SameSite, SharedSecret};

fn cookie(secret: Option<&str>) -> model::Sticky {
    let secret = secret.map(|secret| SharedSecret::new(secret.as_bytes()));
    model::Sticky { cookie: "at".into(), same_site: SameSite::Lax, max_age: None, secret }
}

fn sticking(sticky: model::Sticky, members: &[Member]) -> Balancer {
    let spec = model::Upstream { sticky: Some(sticky), ..spec("shop", &[]) };
    Balancer::new(&spec, members, None, &StickyKey::default(), None, None)
}

/// The request of a client that was sent to this member.
fn coming_back_to(balancer: &Balancer, index: usize) -> Asked {
    let field = balancer.sticky.as_ref().unwrap().set_cookie(index, false).unwrap();
    let pair = field.to_str().unwrap().split(';').next().unwrap().to_owned();
    Asked::with("cookie", format!("theme=dark; {pair}"))
}

#[test]
fn a_client_stays_where_its_cookie_says() {
    let members: Arc<[Member]> = members(&[1, 1, 1]).into();
    let balancer = sticking(cookie(None), &members);
    for index in 0..3 {
        let picked = balancer.pick(&coming_back_to(&balancer, index), &members, &[]).unwrap();
        assert_eq!((picked.index, picked.by), (index, PickedBy::Cookie));
    }
}

#[test]
fn the_balancer_chooses_where_the_endpoint_is_away_was_tried_or_is_not_known() {
    let members: Arc<[Member]> = members(&[1, 1, 1]).into();
    let balancer = sticking(cookie(None), &members);
    let request = coming_back_to(&balancer, 1);
    let by = |request: &Asked, tried: &[EndpointAddress]| balancer.pick(request, &members, tried).unwrap().by;
    assert_eq!(by(&request, &[members[1].endpoint.address.clone()]), PickedBy::Gateway);
    for forged in ["", "at", "at=", "at=1", "at=127.0.0.1:2", "at=+0000000000000000000000000000001"] {
        assert_eq!(by(&Asked::with("cookie", forged), &[]), PickedBy::Gateway, "{forged}");
    }
    members[1].endpoint.mark(false, "down");
    assert_eq!(by(&request, &[]), PickedBy::Gateway);
}

#[test]
fn gateways_with_the_same_secret_know_each_others_cookies_and_no_others() {
    let members: Arc<[Member]> = members(&[1, 1, 1]).into();
    let [one, other, stranger] = [Some("a secret they share"), Some("a secret they share"), None]
        .map(|secret| sticking(cookie(secret), &members));
    let request = coming_back_to(&one, 2);
    assert_eq!(other.pick(&request, &members, &[]).unwrap().index, 2);
    assert_eq!(stranger.pick(&request, &members, &[]).unwrap().by, PickedBy::Gateway);
}

#[test]
fn a_cookie_is_for_http_alone_and_secure_over_tls() {
    let members = members(&[1]);
    let shown = |spec: model::Sticky, is_https| {
        let balancer = sticking(spec, &members);
        let field = balancer.sticky.as_ref().unwrap().set_cookie(0, is_https).unwrap();
        field.to_str().unwrap().split_once("; ").unwrap().1.to_owned()
    };
    assert_eq!(shown(cookie(None), false), "Path=/; HttpOnly; SameSite=Lax");
    let strict =
        model::Sticky { same_site: SameSite::Strict, max_age: Some(Duration::from_secs(3600)), ..cookie(None) };
    assert_eq!(shown(strict, true), "Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=3600");
    let none = model::Sticky { same_site: SameSite::None, ..cookie(None) };
    assert_eq!(shown(none, true), "Path=/; HttpOnly; SameSite=None; Secure");
}

#[test]
fn what_a_cookie_holds_names_no_address() {
    let members = members(&[1]);
    let field = sticking(cookie(None), &members).sticky.unwrap().set_cookie(0, false).unwrap();
    assert!(!field.to_str().unwrap().contains("127"), "by chance once in a hundred million");
}
