//! The repository speaks of the project alone, and leaves nothing "for later".

use super::{Problem, Source};

/// A word that has no place here. Written in two halves, so that this file passes its own check.
struct Forbidden {
    halves: (&'static str, &'static str),
    why: &'static str,
}

const WHOLE_WORDS: &[Forbidden] = &[
    Forbidden { halves: ("TO", "DO"), why: "finish it, or open an issue" },
    Forbidden { halves: ("FIX", "ME"), why: "finish it, or open an issue" },
    Forbidden { halves: ("XX", "X"), why: "say what is meant" },
    Forbidden { halves: ("HA", "CK"), why: "say why it has to be so" },
];

const ANYWHERE: &[Forbidden] = &[
    Forbidden { halves: ("/wo", "rk/"), why: "a path of somebody's machine" },
    Forbidden { halves: ("/ho", "me/"), why: "a path of somebody's machine" },
    Forbidden { halves: ("/Use", "rs/"), why: "a path of somebody's machine" },
    Forbidden { halves: ("arti", "factory"), why: "a registry of somebody's network" },
];

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let is_lock = source.path.ends_with("package-lock.json") || source.path.ends_with("Cargo.lock");
    let mut problems = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let mut complain = |text: String| {
            problems.push(Problem { path: source.path.clone(), line: Some(index + 1), text });
        };
        for word in ANYWHERE {
            let needle = word.text();
            if line.contains(&needle) {
                complain(format!("{needle:?}: {}", word.why));
            }
        }
        if is_lock {
            continue; // checksums spell anything
        }
        for word in WHOLE_WORDS {
            let needle = word.text();
            if has_word(line, &needle) {
                complain(format!("{needle:?}: {}", word.why));
            }
        }
        if let Some(number) = issue_number(line) {
            complain(format!(
                "{number:?}: say the reason itself; numbers of issues mean nothing to a reader"
            ));
        }
    }
    problems
}

impl Forbidden {
    fn text(&self) -> String {
        format!("{}{}", self.halves.0, self.halves.1)
    }
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word_character) && !after.is_some_and(is_word_character)
    })
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A hash sign and digits, after a space or a bracket. Colours and anchors of headings are none.
fn issue_number(line: &str) -> Option<&str> {
    line.match_indices('#').find_map(|(at, _)| {
        let before = line[..at].chars().next_back();
        if !before.is_some_and(|character| character == ' ' || character == '(') {
            return None;
        }
        let digits = line[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let after = line[at + 1 + digits..].chars().next();
        let is_reference = digits > 0
            && !after.is_some_and(|character| is_word_character(character) || matches!(character, ';' | '-'));
        is_reference.then(|| &line[at..=at + digits])
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::Source;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn work_left_for_later_is_found() {
        assert_eq!(complaints("a.rs", &format!("// {}{}: later", "TO", "DO")), 1);
        assert_eq!(complaints("a.rs", &format!("// {}{}", "FIX", "ME")), 1);
        assert_eq!(complaints("a.rs", "// METHODOLOGY, AUTODOC"), 0);
    }

    #[test]
    fn machine_paths_are_found_in_any_file() {
        let path = format!("{}{}project", "/wo", "rk/");
        assert_eq!(complaints("a.toml", &path), 1);
        assert_eq!(complaints("package-lock.json", &path), 1);
        assert_eq!(complaints("a.md", "how workers work/rest"), 0);
    }

    #[test]
    fn issue_numbers_are_found_and_colours_are_not() {
        assert_eq!(complaints("a.rs", &format!("// see {}12", '#')), 1);
        assert_eq!(complaints("a.md", &format!("(fixed in {}7)", '#')), 1);
        assert_eq!(complaints("a.ts", "const colour = '#123';"), 0);
        assert_eq!(complaints("a.css", "  color: #000;"), 0);
        assert_eq!(complaints("a.md", "[limits](#1-limits) and # 1"), 0);
        assert_eq!(complaints("a.rs", "#[test] fn a() {} // r#\"x\"#"), 0);
    }

    #[test]
    fn checksums_in_locks_may_spell_anything() {
        assert_eq!(complaints("package-lock.json", &format!("sha512-/{}{}+", "XX", "X")), 0);
    }
}
