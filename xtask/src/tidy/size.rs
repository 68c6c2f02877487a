//! No file is longer than one can hold in mind.

use super::{Problem, Source};

/// Lines of a source file, tests inside it not counted. 400 is what to aim at.
const LINES_MAX: usize = 700;

pub(super) fn check(source: &Source) -> Option<Problem> {
    if !source.has_extension(&["rs", "ts", "tsx", "mjs", "js", "css"]) || source.is_generated() {
        return None;
    }
    let lines = source.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    (lines > LINES_MAX).then(|| Problem {
        path: source.path.clone(),
        line: None,
        text: format!("has {lines} lines and may have {LINES_MAX}; split it where its subject divides"),
    })
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, check};
    use crate::tidy::Source;

    fn is_too_long(path: &str, text: String) -> bool {
        check(&Source { path: path.to_owned(), text }).is_some()
    }

    #[test]
    fn a_file_may_have_as_many_lines_as_the_limit() {
        assert!(!is_too_long("a.rs", "x\n".repeat(LINES_MAX)));
        assert!(is_too_long("a.rs", "x\n".repeat(LINES_MAX + 1)));
        assert!(is_too_long("a.ts", "x\n".repeat(LINES_MAX + 1)));
    }

    #[test]
    fn tests_inside_are_not_counted() {
        let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(LINES_MAX));
        assert!(!is_too_long("a.rs", tests));
    }

    #[test]
    fn generated_files_and_prose_have_no_limit() {
        let long = "x\n".repeat(2 * LINES_MAX);
        assert!(!is_too_long("a.md", long.clone()));
        assert!(!is_too_long("a.ts", format!("// Generated from proto/signal\n{long}")));
    }
}
