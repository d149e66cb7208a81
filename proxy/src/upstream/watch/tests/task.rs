use tokio::runtime::Handle;

use super::*;
use crate::upstream::watch::TrafficWatch;

fn watch() -> (TrafficWatch, Arc<Journal>, Arc<[Member]>) {
    let journal = Arc::new(Journal::new(Arc::new(Metrics::new())));
    (TrafficWatch::new(Handle::current(), Arc::clone(&journal)), journal, members(&[1, 1, 1]).into())
}

fn judged() -> WatchTerms {
    WatchTerms { outliers: Some(terms()), slow_start: Duration::ZERO }
}

async fn until_ejected(endpoint: &Endpoint) {
    while !endpoint.is_ejected() {
        tokio::time::sleep(TICK).await;
    }
}

fn fail(endpoint: &Arc<Endpoint>) {
    (0..5).for_each(|_| endpoint.enter().hear(Heard::Bad(Failing::Status(503))));
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_is_out_and_the_end_of_the_watch_lets_it_back() {
    let (watch, journal, members) = watch();
    watch.reconcile([(judged(), Arc::clone(&members))]);
    fail(&members[0].endpoint);
    until_ejected(&members[0].endpoint).await;
    watch.reconcile([(judged(), Arc::clone(&members))]);
    assert!(members[0].endpoint.is_ejected());
    watch.reconcile([(WatchTerms::default(), Arc::clone(&members))]);
    assert!(!members[0].endpoint.is_ejected());
    assert_eq!(&*journal.events()[0].cause, "its traffic is no longer watched");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_wants_it_nothing_runs() {
    let (watch, _, members) = watch();
    watch.reconcile([(WatchTerms::default(), Arc::clone(&members))]);
    assert!(watch.task.lock().is_none());
    watch.reconcile([(judged(), Arc::clone(&members))]);
    assert!(watch.task.lock().is_some());
    watch.reconcile([]);
    assert!(watch.task.lock().is_none());
}
