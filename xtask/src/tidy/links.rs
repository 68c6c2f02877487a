//! Links between the documents lead somewhere.

use super::{Problem, Source};

pub(super) fn check(source: &Source, sources: &[Source]) -> Vec<Problem> {
    if !source.has_extension(&["md"]) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (line, target) in links(&source.text) {
        if let Some(why) = dead(target, source, sources) {
            let text = format!("the link to {target:?} leads nowhere: {why}");
            problems.push(Problem { path: source.path.clone(), line: Some(line), text });
        }
    }
    problems
}

/// Why a link is dead, if it is one into this repository and dead.
fn dead(target: &str, source: &Source, sources: &[Source]) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { Some(source.path.clone()) } else { resolve(&source.path, file) };
    let Some(path) = path else { return Some("it leaves the repository".to_owned()) };
    let folder = format!("{path}/");
    let Some(found) = sources.iter().find(|other| other.path == path) else {
        let is_folder = path.is_empty() || sources.iter().any(|other| other.path.starts_with(&folder));
        return (!is_folder).then(|| format!("there is no {path}"));
    };
    let anchor = anchor.filter(|_| found.has_extension(&["md"]))?;
    let is_there = prose(&found.text).any(|(_, line)| heading_anchor(line).is_some_and(|own| own == anchor));
    (!is_there).then(|| format!("{path} has no heading {anchor:?}"))
}

/// The path of a link, from the repository's root.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.split('/').collect(),
    };
    parts.pop(); // the file that links
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The targets of the inline links, with their lines.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        let starts = line.match_indices("](").map(|(at, found)| at + found.len());
        starts.filter_map(move |start| Some((number, line[start..].split([')', ' ']).next()?)))
    })
}

/// The lines that are not inside fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            return None;
        }
        (!is_code).then_some((index + 1, line))
    })
}

/// The anchor that a heading gets, as GitHub makes it.
fn heading_anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::{check, heading_anchor, resolve};
    use crate::tidy::Source;

    fn complaints(text: &str) -> Vec<Option<usize>> {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let sources = [source("docs/a.md", text), source("README.md", "# The House\n## What's in it\n")];
        check(&sources[0], &sources).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn links_to_files_folders_and_headings_are_followed() {
        assert_eq!(complaints("[up](../README.md) [here](.) [in it](../README.md#whats-in-it)"), []);
        assert_eq!(complaints("# One\n[self](#one) [elsewhere](https://example.org/x)"), []);
    }

    #[test]
    fn dead_links_are_named_by_line() {
        assert_eq!(complaints("text\n[gone](gone.md)"), [Some(2)]);
        assert_eq!(complaints("[no such heading](../README.md#nothing)"), [Some(1)]);
        assert_eq!(complaints("[out](../../x.md)"), [Some(1)]);
    }

    #[test]
    fn code_is_not_prose() {
        assert_eq!(complaints("```\n[gone](gone.md)\n```\n"), []);
    }

    #[test]
    fn paths_are_resolved_from_the_linking_file() {
        assert_eq!(resolve("docs/a.md", "b/../c.md").as_deref(), Some("docs/c.md"));
        assert_eq!(resolve("docs/a.md", "/c.md").as_deref(), Some("c.md"));
        assert_eq!(resolve("a.md", "../c.md"), None);
    }

    #[test]
    fn anchors_are_made_as_on_github() {
        assert_eq!(heading_anchor("## Limits and errors").as_deref(), Some("limits-and-errors"));
        assert_eq!(heading_anchor("# A call, step by step").as_deref(), Some("a-call-step-by-step"));
        assert_eq!(heading_anchor("#[attribute]"), None);
    }
}
