//! Every package keeps the workspace's lints and takes its dependencies from the workspace's list.

use super::{Problem, Source};

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !table(&source.text, "lints").any(|(_, line)| line == "workspace = true") {
        problems.push(Problem {
            path: source.path.clone(),
            line: None,
            text: "lacks `[lints] workspace = true`".to_owned(),
        });
    }
    for name in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (number, line) in table(&source.text, name) {
            let is_entry = line.starts_with(|first: char| first.is_ascii_alphanumeric());
            if is_entry && !line.contains("workspace = true") {
                problems.push(Problem {
                    path: source.path.clone(),
                    line: Some(number),
                    text: format!(
                        "`{line}`: versions are in the workspace's Cargo.toml; say `workspace = true`"
                    ),
                });
            }
        }
    }
    problems
}

/// The lines of one table, with their numbers.
fn table<'a>(text: &'a str, name: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let header = format!("[{name}]");
    let lines = text.lines().map(str::trim).enumerate().map(|(index, line)| (index + 1, line));
    lines.skip_while(move |(_, line)| *line != header).skip(1).take_while(|(_, line)| !line.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::Source;

    fn complaints(text: &str) -> Vec<Option<usize>> {
        let source = Source { path: "a/Cargo.toml".to_owned(), text: text.to_owned() };
        check(&source).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn lints_are_the_workspaces() {
        assert_eq!(complaints("[package]\nname = \"a\"\n[lints]\nworkspace = true\n"), []);
        assert_eq!(complaints("[package]\nname = \"a\"\n"), [None]);
        assert_eq!(complaints("[lints]\n[profile.x]\nworkspace = true\n"), [None]);
    }

    #[test]
    fn versions_are_the_workspaces() {
        let lints = "[lints]\nworkspace = true\n";
        let good = "[dependencies]\n# why\na = { workspace = true }\nb.workspace = true\n\nc = { workspace = true, features = [\n  \"x\",\n] }\n";
        assert_eq!(complaints(&format!("{good}{lints}")), []);
        assert_eq!(complaints(&format!("[dev-dependencies]\nc = \"1\"\n{lints}")), [Some(2)]);
    }
}
