//! Guests that misbehave about a response.

use super::{Misdeed, Zoo, caged, misdeeds};

const LIES: &[Misdeed] = &[
    ("value", "illegal", "illegal value for header \"x-lie\""),
    ("framing", "illegal", "header \"transfer-encoding\" is the gateway's own"),
    ("status", "illegal", "illegal status 101"),
    ("much", "illegal", "output of 1048577 bytes is over the limit of 65536"),
];

#[tokio::test]
async fn whatever_a_guest_does_about_a_response_its_client_is_refused_and_asks_on() {
    for (cage, misdeeds) in misdeeds(LIES) {
        let mut zoo = Zoo::of_guest("saboteur_response", cage).await;
        for misdeed in misdeeds {
            let request = caged().field("x-mode", misdeed.0);
            zoo.is_stopped(misdeed, async |zoo: &Zoo, times| zoo.calls(&request, times, 503).await).await;
        }
        assert_eq!(zoo.gateway.call(&caged()).await.text(), "origin", "who is not told to passes");
    }
}
