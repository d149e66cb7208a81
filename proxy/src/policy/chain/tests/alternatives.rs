use super::*;
use crate::policy::chain::ChainFailure;

fn passing(mark: &'static str) -> ChainLink {
    on_request(move |i| i.forward(&[E::Append("x-by", mark.as_bytes())], &[], None))
}

fn refusing(status: u16, challenge: &'static str) -> ChainLink {
    on_request(move |i| {
        i.respond(status, &[("www-authenticate", challenge.as_bytes()), ("x-of", challenge.as_bytes())], b"")
    })
}

async fn passed(steps: Vec<Vec<ChainLink>>) -> (Vec<String>, RequestFacts) {
    let (mut head, mut facts) = (request(), facts());
    let outcome = Chain::of_steps(steps).run_request(&mut head, &mut facts).await;
    assert!(matches!(outcome, ChainOutcome::Forward), "{outcome:?}");
    (values(&head.0.headers, "x-by"), facts)
}

async fn ended(steps: Vec<Vec<ChainLink>>) -> (ChainOutcome, RequestFacts) {
    let mut facts = facts();
    let outcome = Chain::of_steps(steps).run_request(&mut request(), &mut facts).await;
    (outcome, facts)
}

#[tokio::test]
async fn the_first_that_lets_it_pass_is_enough_and_no_other_is_asked() {
    let steps = vec![vec![refusing(401, "A"), passing("b"), trapping()], vec![passing("c")]];
    let (by, facts) = passed(steps).await;
    assert_eq!(by, ["b", "c"]);
    assert_eq!((facts.links_passed, facts.links_left_out.as_slice()), (4, &[0, 2][..]));
}

#[tokio::test]
async fn what_stands_behind_alternatives_is_asked_whichever_passed() {
    for step in [vec![passing("a"), passing("b")], vec![refusing(401, "A"), passing("a")]] {
        let (outcome, facts) = ended(vec![vec![passing("x")], step, vec![refusing(403, "no")]]).await;
        assert!(matches!(outcome, ChainOutcome::Respond { response, .. } if response.status == 403));
        assert_eq!(facts.links_passed, 3);
    }
}

#[tokio::test]
async fn where_all_challenge_the_client_sees_every_challenge() {
    let step = vec![refusing(401, "A"), refusing(401, "B"), refusing(401, "C")];
    let (outcome, facts) = ended(vec![vec![passing("x")], step]).await;
    let ChainOutcome::Respond { response, .. } = outcome else { panic!("{outcome:?}") };
    let headers: HeaderMap = response.headers.into_iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
        headers.append(name, value);
        headers
    });
    assert_eq!(values(&headers, "www-authenticate"), ["A", "B", "C"]);
    assert_eq!(values(&headers, "x-of"), ["A"], "the rest is the first one's");
    assert_eq!(facts.links_passed, 1, "only what stands before them sees the answer");
}

#[tokio::test]
async fn an_answer_that_is_more_than_a_challenge_goes_before_challenges() {
    let (outcome, _) = ended(vec![vec![refusing(401, "A"), refusing(403, "B"), refusing(503, "C")]]).await;
    let ChainOutcome::Respond { response, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((response.status.as_u16(), response.headers.len()), (403, 2));
}

#[tokio::test]
async fn one_that_fails_ends_the_request_unless_another_was_enough_before() {
    assert_eq!(passed(vec![vec![passing("a"), trapping()]]).await.0, ["a"]);
    let (outcome, _) = ended(vec![vec![refusing(401, "A"), trapping(), passing("b")]]).await;
    assert!(matches!(outcome, ChainOutcome::Failed(ChainFailure { .. })), "{outcome:?}");
}

#[tokio::test]
async fn one_that_is_passed_over_when_it_fails_has_let_nobody_pass() {
    let passed_over = || ChainLink { on_failure: FailureMode::Allow, ..trapping() };
    let (outcome, _) = ended(vec![vec![passed_over(), refusing(401, "B")]]).await;
    assert!(matches!(outcome, ChainOutcome::Respond { response, .. } if response.status == 401));
    let (outcome, _) = ended(vec![vec![passed_over(), passed_over()]]).await;
    assert!(matches!(outcome, ChainOutcome::Respond { response, .. } if response.status == 403));
}

#[tokio::test]
async fn those_that_were_not_needed_see_no_response() {
    let seeing = |name: &'static [u8]| on_response(move |i| i.pass_response(&[E::Append("x-seen", name)]));
    let both = |name: &'static [u8]| {
        let mut image = Image::default();
        let (request, response) = (image.forward(&[], &[], None), image.pass_response(&[E::Append("x-seen", name)]));
        let fixture = Fixture::new("exchange-role")
            .accepting()
            .on_request(&format!("(call $drop-request (local.get 0)) (i32.const {request})"))
            .on_response(&format!("(i32.const {response})"));
        link(&fixture.data(image))
    };
    let chain = Chain::of_steps(vec![vec![seeing(b"outer")], vec![both(b"needed"), both(b"not needed")]]);
    let (mut sent, mut facts, mut head) = (request(), facts(), upstream_response());
    assert!(matches!(chain.run_request(&mut sent, &mut facts).await, ChainOutcome::Forward));
    chain.run_response(&sent.0, &facts, &mut head).await;
    assert_eq!(values(&head.0.headers, "x-seen"), ["needed", "outer"]);
}
