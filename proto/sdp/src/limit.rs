//! How much of everything a description may have. More is an error, so that a stranger's text costs a bounded amount of work.

/// The most bytes of a description. A call of fifty people stays below it.
pub const TEXT_LEN_MAX: usize = 256 * 1024;
/// The most lines of a description.
pub const LINES_MAX: usize = 16_384;
/// The most media sections of a description.
pub const SECTIONS_MAX: usize = 256;
/// The most attributes of the session, or of one media section.
pub const ATTRIBUTES_MAX: usize = 2_048;
/// The most candidates of one media section.
pub const CANDIDATES_MAX: usize = 256;
/// The most formats of one media section: there are 128 payload types.
pub const FORMATS_MAX: usize = 128;
/// The most encodings that one `simulcast` names, alternatives included.
pub const SIMULCAST_CHOICES_MAX: usize = 64;
/// The most bytes of one candidate, be it in a description or alone.
pub const CANDIDATE_LEN_MAX: usize = 1_024;
/// The most encodings of a simulcast that a negotiator sends or receives.
pub const ENCODINGS_MAX: usize = 8;
/// The most transceivers of a negotiator: a media section each.
pub const TRANSCEIVERS_MAX: usize = SECTIONS_MAX;
