//! Guests that misbehave when all is over.

use super::{Zoo, caged, misdeeds};

#[tokio::test]
async fn whatever_an_observer_does_its_exchange_has_ended_well_and_the_connection_serves_on() {
    for (cage, misdeeds) in misdeeds(&[]) {
        let mut zoo = Zoo::of_guest("saboteur_observer", cage).await;
        for misdeed in &misdeeds {
            let request = caged().field("x-mode", misdeed.0);
            zoo.is_stopped(*misdeed, async |zoo: &Zoo, times| zoo.calls(&request, times, 200).await).await;
        }
        let seen = zoo.origin.count("/caged");
        assert_eq!(seen, 30 * misdeeds.len(), "each exchange was made, and once");
    }
}
