use crate::support::{TestServer, within};
use moim_native::{Step, StepName, StepOutcome, Trust, probe};

async fn steps(server: &TestServer, trust: &Trust) -> Vec<Step> {
    let url = format!("https://{}", server.address).parse().unwrap();
    within(probe(&url, None, trust, |_| {})).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_to_a_server_that_is_there_works() {
    let server = TestServer::start();

    let steps = steps(&server, &server.trust()).await;

    for step in &steps {
        // TURN over TLS is announced only where the certificate is one that browsers trust.
        let expected =
            if step.name == StepName::TurnTls { StepOutcome::Skipped } else { StepOutcome::Passed };
        assert_eq!(step.outcome, expected, "{}: {}", step.name, step.detail);
    }
    assert!(steps.iter().any(|step| step.detail.contains("certificate of ")), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_says_whose_it_is() {
    let (server, other) = (TestServer::start(), TestServer::start());

    let steps = steps(&server, &other.trust()).await;

    let tls = steps.iter().find(|step| step.name == StepName::Tls).unwrap();
    assert_eq!(tls.outcome, StepOutcome::Failed);
    assert!(tls.detail.contains("certificate of "), "{}", tls.detail);
    let http = steps.iter().find(|step| step.name == StepName::Http).unwrap();
    assert_eq!(http.outcome, StepOutcome::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_a_token_says_so() {
    let server = TestServer::with("auth.keys = { school = '0123456789abcdef0123456789abcdef' }");

    let steps = steps(&server, &server.trust()).await;

    let hello = steps.iter().find(|step| step.name == StepName::WebSocket).unwrap();
    assert_eq!(hello.outcome, StepOutcome::Failed);
    assert!(hello.detail.to_lowercase().contains("token"), "{}", hello.detail);
}
