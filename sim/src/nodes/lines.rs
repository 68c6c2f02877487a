/// The longest line. What is longer cannot be a frame.
const LINE_LEN_MAX: usize = 256 * 1024;

/// Lines out of a stream. A JSON text has no line feed unless it is written for people.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    /// The lines that are there in full. Those that are no text, and the beginning of one that is too long, are left out.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line = self.0.drain(..=end).take(end).collect();
            lines.extend(String::from_utf8(line));
        }
        if self.0.len() > LINE_LEN_MAX {
            self.0.clear();
        }
        lines
    }
}
