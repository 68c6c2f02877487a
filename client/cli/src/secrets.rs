//! What is typed may carry a secret: an invitation has a token in its fragment, other addresses may have passwords. A complaint about the
//! command line repeats what was typed, and ends up in logs.

use clap::error::{ContextKind, ContextValue};

/// The same error, without the names of users, queries and fragments of addresses that it speaks of.
pub fn without_secrets(mut error: clap::Error) -> clap::Error {
    let shown: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| {
            // Lists are of what there is to choose from.
            let ContextValue::String(text) = value else { return None };
            Some((kind, ContextValue::String(without_what_may_be_secret(text)?)))
        })
        .collect();
    if !shown.is_empty() {
        // These repeat what was typed as part of a sentence.
        error.remove(ContextKind::Suggested);
    }
    for (kind, value) in shown {
        error.insert(kind, value);
    }
    error
}

/// [`None`] if there is nothing to leave out.
fn without_what_may_be_secret(text: &str) -> Option<String> {
    if !(text.contains("token=") || text.contains("://")) {
        return None;
    }
    let cuts = [text.find(['#', '%', '?']), text.find("token=")];
    // Names of users may have passwords, which may have anything.
    let user = text.find('@').map(|_| text.find("://").map_or(0, |at| at + 3));
    let cut = cuts.into_iter().chain([user]).flatten().min();
    cut.map(|at| format!("{}…", &text[..at]))
}

#[cfg(test)]
mod tests {
    use super::without_secrets;
    use crate::Command;
    use clap::{CommandFactory as _, Parser};

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        _command: Command,
    }

    fn complaint(words: &[&str]) -> String {
        let error = Cli::try_parse_from([&["moim"], words].concat()).unwrap_err();
        without_secrets(error).render().to_string()
    }

    #[test]
    fn no_complaint_repeats_a_token() {
        let typed: [&[&str]; 11] = [
            &["join", "https://host/x/tea#token=psst.a.b"],
            &["join", "http://host/r/tea#token=psst.a.b"],
            &["join", "https://host:port/r/tea#token=psst.a.b"],
            &["join", "https://host/r/tea%23token=psst.a.b"],
            &["join", "https://host%23token=psst.a.b"],
            &["join", "https://host/r/tea", "https://host/r/tea#token=psst.a.b"],
            &["--https://host/r/tea#token=psst.a.b"],
            &["join", "https://host/x?token=psst.a.b#top"],
            &["join", "https://host/x?key=psst.a.b"],
            &["join", "https://anna:psst%23psst.a.b@host/r/tea"],
            &["join", "http://psst.a.b@host/r/tea#token=psst.a.b"],
        ];
        for words in typed {
            let complaint = complaint(words);
            assert!(!complaint.contains("psst"), "{complaint}");
            let is_about = complaint.contains("host") || complaint.contains("'https://…'");
            assert!(
                is_about || complaint.contains("'http://…'"),
                "what it is about is still said: {complaint}"
            );
        }
    }

    #[test]
    fn other_complaints_are_as_they_were() {
        let complaint = complaint(&["join", "https://host/r/tea", "--size", "#640"]);
        assert!(complaint.contains("'#640'") && complaint.contains("640x360"), "{complaint}");
        Cli::command().debug_assert();
    }
}
