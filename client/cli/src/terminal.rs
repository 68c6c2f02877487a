//! What may be shown on a terminal of what others have written.

use std::fmt::Write as _;

/// A line as a terminal may show it. Names, lines of chat and reasons are whatever others have written: what moves the cursor,
/// commands the terminal or turns the direction of writing round is shown as a replacement character.
pub(crate) fn plain(line: &str) -> String {
    let is_command = |character: char| {
        let turns_writing = matches!(character,
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        character.is_control() || turns_writing || matches!(character, '\u{2028}' | '\u{2029}')
    };
    line.chars().map(|character| if is_command(character) { '\u{FFFD}' } else { character }).collect()
}

/// JSON in which no character commands a terminal: JSON itself escapes those below the space, and not those above (RFC 8259 §7).
pub(crate) fn escaped(json: &str) -> String {
    let mut line = String::new();
    for character in json.chars() {
        // Between the values there may be line feeds; within, JSON has escaped them.
        if character.is_control() && character != '\n' {
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{escaped, plain};
    use serde_json::{Value, json};

    #[test]
    fn what_others_write_does_not_command_the_terminal() {
        assert_eq!(plain("\u{1b}]0;title\u{7}\r\u{9b}2J\u{7f}\n"), "�]0;title���2J��");
        assert_eq!(plain("\u{202e}gpj.exe\u{2066}\u{2028}"), "�gpj.exe��");
        assert_eq!(plain("Anna 안나 – \"tea?\" 🍵"), "Anna 안나 – \"tea?\" 🍵");
    }

    /// Covers: RFC 8259 §7
    #[test]
    fn json_has_no_commands_and_says_the_same() {
        let value = json!({ "name": "\u{1b}[31m\u{9b}2J\u{7f} 안나" });

        let line = escaped(&value.to_string());

        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        let pretty = format!("{value:#}");
        assert_eq!(serde_json::from_str::<Value>(&escaped(&pretty)).unwrap(), value);
    }
}
