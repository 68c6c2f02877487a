use super::check::Finding;
use super::verdict::Status;
use serde::Serialize;
use std::fmt::Write as _;

/// The findings as something that a program reads.
#[derive(Serialize)]
struct Json<'a> {
    server: &'a str,
    transport: &'a str,
    pass: usize,
    fail: usize,
    not_supported: usize,
    skipped: usize,
    checks: Vec<JsonFinding<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    id: &'a str,
    kind: &'a str,
    rule: &'a str,
    reference: &'a str,
    status: Status,
    seen: &'a str,
}

/// What was checked.
pub(crate) struct Heading<'a> {
    pub(crate) server: &'a str,
    pub(crate) transport: &'a str,
}

pub(crate) fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|finding| finding.verdict.status == status).count()
}

pub(crate) fn json(heading: &Heading<'_>, findings: &[Finding]) -> serde_json::Result<String> {
    let checks = findings.iter().map(|finding| JsonFinding {
        id: finding.id,
        kind: finding.kind.as_str(),
        rule: finding.rule,
        reference: finding.reference,
        status: finding.verdict.status,
        seen: &finding.verdict.seen,
    });
    let json = Json {
        server: heading.server,
        transport: heading.transport,
        pass: count(findings, Status::Pass),
        fail: count(findings, Status::Fail),
        not_supported: count(findings, Status::NotSupported),
        skipped: count(findings, Status::Skipped),
        checks: checks.collect(),
    };
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

pub(crate) fn markdown(heading: &Heading<'_>, findings: &[Finding]) -> String {
    let mut text = format!("Over {}: {}.\n\n", heading.transport, summary(findings));
    text += "| check | the server … | reference | result | seen |\n| --- | --- | --- | --- | --- |\n";
    for finding in findings {
        let Finding { id, rule, reference, verdict, .. } = finding;
        let result = match verdict.status {
            Status::Fail => "**fail**",
            Status::Pass | Status::NotSupported | Status::Skipped => verdict.status.as_str(),
        };
        let seen = verdict.seen.replace('|', "\\|").replace('\n', " ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{id}` | {rule} | {reference} | {result} | {seen} |");
    }
    text
}

/// One line of a table for a person to read as it goes on.
pub(crate) fn line(finding: &Finding) -> String {
    let Finding { id, rule, reference, verdict, .. } = finding;
    let status = verdict.status.as_str();
    format!("{status:<13} {id:<38} {rule} ({reference})\n{:13} {:38} → {}\n", "", "", verdict.seen)
}

pub(crate) fn summary(findings: &[Finding]) -> String {
    let counts =
        Status::ALL.map(|status| format!("{} {}", count(findings, status), status.as_str().to_lowercase()));
    counts.join(", ")
}
