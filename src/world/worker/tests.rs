use super::*;

#[test]
fn jobs_run_in_order_on_the_owned_value() {
    let (worker, aside, ending) =
        Worker::spawn("w", 2, || Ok::<_, io::Error>((Vec::new(), 7))).unwrap();
    assert_eq!(aside, 7);
    for n in 0..10 {
        worker
            .ask_blocking(move |v: &mut Vec<i32>| v.push(n))
            .unwrap();
    }
    let seen = worker.ask_blocking(|v| v.clone()).unwrap();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
    drop(worker);
    assert!(ending.join());
}

#[test]
fn a_panic_ends_the_worker_and_is_told_to_the_next_asker() {
    let (worker, (), ending) = Worker::spawn("w", 2, || Ok::<_, io::Error>(((), ()))).unwrap();
    assert!(worker.ask_blocking(|()| panic!("planted")).is_err());
    assert!(worker.ask_blocking(|()| ()).is_err());
    drop(worker);
    assert!(!ending.join());
}

#[test]
fn a_value_that_cannot_be_made_is_an_error() {
    let made = Worker::<()>::spawn("w", 1, || Err::<((), ()), _>(io::Error::other("no disk")));
    assert_eq!(made.err().unwrap().to_string(), "no disk");
}
