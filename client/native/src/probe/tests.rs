use super::certificate::certificate_words;
use super::{StepName, StepOutcome, Trust, probe};
use rustls::pki_types::CertificateDer;
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn where_nobody_listens_the_rest_is_skipped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let mut told = Vec::new();

    let steps = probe(&server, None, &Trust::Anybody, |step| told.push(step.clone())).await.unwrap();

    assert_eq!(steps, told);
    let outcomes: Vec<_> = steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes[..2], [StepOutcome::Passed, StepOutcome::Failed]);
    assert!(outcomes[2..].iter().all(|outcome| *outcome == StepOutcome::Skipped) && outcomes.len() == 10);
    assert!(steps[1].detail.contains("refused"), "{}", steps[1].detail);
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_from_what_does() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 smtp ready\r\n").await;
        }
    });

    let steps = probe(&server, None, &Trust::Anybody, |_| {}).await.unwrap();

    let tls = steps.iter().find(|step| step.name == StepName::Tls).unwrap();
    assert_eq!(tls.outcome, StepOutcome::Failed, "{}", tls.detail);
}

#[test]
fn a_certificate_says_whose_it_is_and_until_when() {
    let made =
        rcgen::generate_simple_self_signed(["meet.example.org".to_owned(), "192.0.2.1".to_owned()]).unwrap();
    let der = CertificateDer::from(made.cert);

    let words = certificate_words(&der, SystemTime::now()).unwrap();
    assert!(words.starts_with("certificate of meet.example.org, 192.0.2.1, good for "), "{words}");

    let far = SystemTime::now() + Duration::from_secs(10_000 * 365 * 86_400);
    assert!(certificate_words(&der, far).unwrap().contains("expired "));
    assert_eq!(certificate_words(&CertificateDer::from(vec![0]), far), None);
}
