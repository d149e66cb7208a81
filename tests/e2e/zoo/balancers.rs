//! Guests that misbehave when they are to choose an endpoint.

use super::{Misdeed, Zoo, caged, misdeeds};

const LIES: &[Misdeed] =
    &[("range", "illegal", "pick 2 of 2 candidates"), ("far", "illegal", "pick 4294967295 of 2 candidates")];

#[tokio::test]
async fn whatever_a_balancer_does_the_gateway_picks_by_turns_and_no_request_is_lost() {
    for (cage, misdeeds) in misdeeds(LIES) {
        let (mut zoo, other) = Zoo::picking("saboteur_balancer", cage).await;
        for misdeed in &misdeeds {
            let request = caged().field("x-mode", misdeed.0);
            zoo.is_stopped(*misdeed, async |zoo: &Zoo, times| zoo.calls(&request, times, 200).await).await;
        }
        let [first, second] = [&zoo.origin, &other].map(|origin| origin.count("/caged"));
        assert_eq!(first + second, 30 * misdeeds.len());
        assert!(first.abs_diff(second) <= misdeeds.len(), "{first} and {second} are no turns");
        assert_eq!(zoo.gateway.call(&caged()).await.text(), "other", "the last one, as a balancer that works wants");
    }
}
