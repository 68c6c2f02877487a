use crate::attribute::Attribute;
use crate::attributes::Attributes;
use crate::description::{Origin, SessionDescription};
use crate::error::ParseError;
use crate::limit;
use crate::line::Line;
use crate::section::MediaSection;
use crate::text::Expected;

impl SessionDescription {
    /// Reads a description. Lines may end in a carriage return and a line feed, or in either.
    ///
    /// Fails at the first line that is not what RFC 8866 or the definition of its attribute says, and beyond the limits of
    /// [`limit`]. Lines that other implementations put out of order are put up with.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > limit::TEXT_LEN_MAX {
            return Err(ParseError::new(1, text, "a description of at most 256 KiB"));
        }
        let mut lines = Lines::new(text);
        lines.expect('v', "`v=0`", |value| (value == "0").then_some(()))?;
        let origin = lines.expect('o', "`o=` with a user name, two numbers and an address", Origin::parse)?;
        let name = lines.expect('s', "`s=` with the name of the session", |value| Some(value.to_owned()))?;
        let mut description =
            Self { origin, name, lines: Vec::new(), attributes: Attributes::new(), media: Vec::new() };
        for line in lines {
            let line = line?;
            description.read(&line).map_err(|expected| ParseError::new(line.number, line.text, expected))?;
        }
        // A description stays for as long as its connection.
        for section in &mut description.media {
            section.attributes.shrink_to_fit();
        }
        Ok(description)
    }

    /// Takes one line after the first three.
    fn read(&mut self, line: &RawLine<'_>) -> Result<(), Expected> {
        if line.letter == 'm' {
            if self.media.len() >= limit::SECTIONS_MAX {
                return Err("at most 256 media sections");
            }
            self.media.push(MediaSection::parse(line.value)?);
            return Ok(());
        }
        let (lines, attributes) = match self.media.last_mut() {
            Some(section) => (&mut section.lines, &mut section.attributes),
            None => (&mut self.lines, &mut self.attributes),
        };
        match line.letter {
            'a' => read_attribute(attributes, line.value),
            'v' | 'o' | 's' => Err("a line that has not been there yet"),
            letter => {
                lines.push(Line::parse(letter, line.value)?);
                Ok(())
            }
        }
    }
}

fn read_attribute(attributes: &mut Attributes, value: &str) -> Result<(), Expected> {
    if attributes.len() >= limit::ATTRIBUTES_MAX {
        return Err("at most 2,048 attributes");
    }
    let is_candidate = matches!(attributes.read(value)?, Attribute::Candidate(_));
    if is_candidate {
        let candidates = attributes.iter().filter(|other| matches!(other, Attribute::Candidate(_)));
        if candidates.count() > limit::CANDIDATES_MAX {
            return Err("at most 256 candidates");
        }
    }
    Ok(())
}

/// A letter, an equals sign and a value.
struct RawLine<'a> {
    number: usize,
    text: &'a str,
    letter: char,
    value: &'a str,
}

/// The lines of a text that are not empty.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, number: 0 }
    }

    fn expect<T>(
        &mut self,
        letter: char,
        expected: Expected,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ParseError> {
        let Some(line) = self.next() else { return Err(ParseError::new(self.number + 1, "", expected)) };
        let line = line?;
        let value = if line.letter == letter { read(line.value) } else { None };
        value.ok_or_else(|| ParseError::new(line.number, line.text, expected))
    }

    /// The text of the next line that has any.
    fn next_text(&mut self) -> Option<&'a str> {
        while !self.rest.is_empty() {
            let (line, rest) = match self.rest.find(['\r', '\n']) {
                Some(end) => {
                    let (line, rest) = self.rest.split_at(end);
                    (line, rest.strip_prefix("\r\n").unwrap_or(&rest[1..]))
                }
                None => (self.rest, ""),
            };
            self.rest = rest;
            self.number += 1;
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<RawLine<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.next_text()?;
        let number = self.number;
        let failed = |expected| Some(Err(ParseError::new(number, text, expected)));
        if number > limit::LINES_MAX {
            return failed("at most 16,384 lines");
        }
        if text.contains('\0') {
            return failed("text without a zero byte");
        }
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(letter), Some('=')) if letter.is_ascii_lowercase() => {
                Some(Ok(RawLine { number, text, letter, value: characters.as_str() }))
            }
            _ => failed("a lower-case letter and an equals sign"),
        }
    }
}
