use moim_stun::discovery::{BindingLifetime, Filtering, Finding, Mapping, Report, Unknown};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The reports for a program.
pub(super) fn json(reports: &[Report]) -> serde_json::Result<String> {
    let reports: Vec<_> = reports.iter().map(report_json).collect();
    Ok(serde_json::to_string_pretty(&reports)? + "\n")
}

fn report_json(report: &Report) -> Value {
    let observations: Vec<_> = report
        .observations
        .iter()
        .map(|seen| json!({ "destination": seen.destination.to_string(), "mapped": seen.mapped.to_string() }))
        .collect();
    let lifetime = finding_json(report.lifetime, |lifetime| {
        json!({
            "at_least_s": lifetime.at_least.as_secs(),
            "less_than_s": lifetime.less_than.map(|less_than| less_than.as_secs()),
        })
    });
    json!({
        "family": family(report),
        "local": report.local.to_string(),
        "mapped": report.mapped.map(|mapped| mapped.to_string()),
        "nat": report.is_translated(),
        "direct_calls": report.can_punch_holes(),
        "mapping": finding_json(report.mapping, |mapping| mapping.as_str().into()),
        "filtering": finding_json(report.filtering, |filtering| filtering.as_str().into()),
        "hairpinning": finding_json(report.hairpinning, Value::from),
        "lifetime": lifetime,
        "observations": observations,
    })
}

/// What is known, or an object that says why it is not.
fn finding_json<T>(finding: Finding<T>, known: impl FnOnce(T) -> Value) -> Value {
    match finding {
        Finding::Known(value) => known(value),
        Finding::Unknown(unknown) => json!({ "unknown": unknown.as_str() }),
    }
}

/// The reports for a person.
pub(super) fn plain(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}", family(report), summary(report));
        if report.mapped.is_some() {
            let _ = writeln!(text, "  mapping      {}", told(report.mapping, mapping));
            let _ = writeln!(text, "  filtering    {}", told(report.filtering, filtering));
            let _ = writeln!(text, "  hairpinning  {}", told(report.hairpinning, hairpinning));
            if report.lifetime != Finding::Unknown(Unknown::NotTested) {
                let _ = writeln!(text, "  lifetime     {}", told(report.lifetime, lifetime));
            }
            let _ = writeln!(text, "  calls        {}", calls(report));
        }
    }
    text
}

fn family(report: &Report) -> &'static str {
    if report.local.is_ipv4() { "IPv4" } else { "IPv6" }
}

fn summary(report: &Report) -> String {
    let local = report.local;
    match report.mapped {
        None => "no server answered. Either UDP is blocked, or none of them is a STUN server; \
                 media would have to go over TCP or TLS"
            .to_owned(),
        Some(mapped) if mapped == local => format!("no NAT. Servers see this machine's own address, {local}"),
        Some(mapped) => format!("behind a NAT. Servers see {mapped}, this machine has {local}"),
    }
}

fn told<T>(finding: Finding<T>, known: impl FnOnce(T) -> String) -> String {
    match finding {
        Finding::Known(value) => known(value),
        Finding::Unknown(unknown) => format!("unknown: {}", why(unknown)),
    }
}

fn why(unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::NoAnswer => "no answer",
        Unknown::OneDestination => "only one server address answered; name a second server",
        Unknown::NoOtherAddress => "the server has no other address to answer from (RFC 5780)",
        Unknown::Refused => "the server refuses what the test needs",
        Unknown::NotChanged => "the server answers from another place than it was asked to",
        Unknown::PortOnly => "other ports get in; the server has no other IP address to try",
        Unknown::Unstable => "the sockets are seen at different IP addresses",
        Unknown::NotTranslated => "there is no NAT",
        Unknown::NotTested => "not tested",
    }
}

fn mapping(mapping: Mapping) -> String {
    match mapping {
        Mapping::None => "none: every destination sees this machine's own address",
        Mapping::EndpointIndependent => "endpoint-independent: every destination sees the same address",
        Mapping::AddressDependent => "address-dependent: every IP address sees another port",
        Mapping::AddressAndPortDependent => {
            "address-and-port-dependent (\"symmetric\"): every destination sees another port"
        }
        Mapping::EndpointIndependentOrAddressDependent => {
            "the same address for all ports of the server; other IP addresses were not asked"
        }
        Mapping::AddressOrAddressAndPortDependent => {
            "not the same address for all destinations; a second port of the same server was not asked"
        }
    }
    .to_owned()
}

fn filtering(filtering: Filtering) -> String {
    match filtering {
        Filtering::EndpointIndependent => "endpoint-independent: once open, anybody gets in",
        Filtering::AddressDependent => "address-dependent: only IP addresses that were sent to get in",
        Filtering::AddressAndPortDependent => {
            "address-and-port-dependent: only addresses and ports that were sent to get in"
        }
    }
    .to_owned()
}

fn hairpinning(is_seen: bool) -> String {
    if is_seen {
        "yes: two machines behind this NAT reach each other by their public addresses".to_owned()
    } else {
        "no: two machines behind this NAT do not reach each other by their public addresses".to_owned()
    }
}

fn lifetime(lifetime: BindingLifetime) -> String {
    let at_least = lifetime.at_least.as_secs();
    match lifetime.less_than {
        Some(less_than) => {
            format!(
                "a mapping that is not used lives for {at_least} s or more, and less than {} s",
                less_than.as_secs()
            )
        }
        None => format!("a mapping that is not used lives for {at_least} s or more"),
    }
}

fn calls(report: &Report) -> &'static str {
    match report.can_punch_holes() {
        Some(true) => "direct connections work with everybody whose NAT is no stricter than this one",
        Some(false) => {
            "direct connections need the other side to be open; otherwise a relay (TURN) carries the call"
        }
        None => "not enough is known to say whether direct connections work",
    }
}
