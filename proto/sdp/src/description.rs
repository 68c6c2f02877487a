use crate::attribute::{Attribute, Fingerprint, Group, IcePassword, Setup};
use crate::attributes::{Attributes, pick};
use crate::direction::Direction;
use crate::line::Line;
use crate::section::MediaSection;
use crate::text;
use moim_wire::Mid;
use std::fmt::{self, Write};

/// A session description (RFC 8866).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDescription {
    /// `o=`: whose session it is.
    pub origin: Origin,
    /// `s=`: its name; `-` for none.
    pub name: String,
    /// The lines between the name and the first attribute, in order: `t=` among them.
    pub lines: Vec<Line>,
    /// Attributes of the session.
    pub attributes: Attributes,
    /// Its media sections, in order. They stay in order for as long as the session lives.
    pub media: Vec<MediaSection>,
}

impl SessionDescription {
    /// The first group of sections that share one transport (RFC 9143 §7.1).
    pub fn bundle(&self) -> Option<&[Mid]> {
        self.attributes.iter().find_map(
            pick!(Attribute::Group(group) if group.semantics == Group::BUNDLE => group.mids.as_slice()),
        )
    }

    /// The section of that name.
    pub fn section(&self, mid: Mid) -> Option<&MediaSection> {
        self.media.iter().find(|section| section.mid() == Some(mid))
    }

    /// Whether the sender has the lite implementation of ICE (RFC 8445 §2.5).
    pub fn is_ice_lite(&self) -> bool {
        self.attributes.contains(&Attribute::IceLite)
    }

    /// The user name fragment and password of a section of this description, or else of the session.
    pub fn ice_credentials<'a>(&'a self, section: &'a MediaSection) -> Option<(&'a str, &'a IcePassword)> {
        let of = |attributes: &'a Attributes| {
            let ufrag = attributes.iter().find_map(pick!(Attribute::IceUfrag(ufrag) => ufrag.as_str()))?;
            let password = attributes.iter().find_map(pick!(Attribute::IcePwd(password) => password))?;
            Some((ufrag, password))
        };
        of(&section.attributes).or_else(|| of(&self.attributes))
    }

    /// What the sender can do beyond plain ICE: `trickle`, `renomination`.
    pub fn ice_options<'a>(&'a self, section: &'a MediaSection) -> &'a [String] {
        self.either(section, pick!(Attribute::IceOptions(options) => options.as_slice())).unwrap_or_default()
    }

    /// The hashes that the certificate of a section may have: the section's own or else the session's.
    pub fn fingerprints<'a>(&'a self, section: &'a MediaSection) -> Vec<&'a Fingerprint> {
        let of = |attributes: &'a Attributes| -> Vec<&'a Fingerprint> {
            attributes.iter().filter_map(pick!(Attribute::Fingerprint(fingerprint) => fingerprint)).collect()
        };
        let own = of(&section.attributes);
        if own.is_empty() { of(&self.attributes) } else { own }
    }

    /// Who opens the DTLS association, if anything is said about it.
    pub fn setup(&self, section: &MediaSection) -> Option<Setup> {
        self.either(section, pick!(Attribute::Setup(setup) => *setup))
    }

    /// Which way the media of a section goes: both ways, if nothing is said about it.
    pub fn direction(&self, section: &MediaSection) -> Direction {
        let said = self.either(section, pick!(Attribute::Direction(direction) => *direction));
        said.unwrap_or_default()
    }

    /// Whether header extensions of one and two bytes may be mixed in a section (RFC 8285 §6).
    pub fn allows_mixed_extensions(&self, section: &MediaSection) -> bool {
        section.has(&Attribute::ExtmapAllowMixed) || self.attributes.contains(&Attribute::ExtmapAllowMixed)
    }

    /// An attribute of the section, or else of the session.
    fn either<'a, T>(
        &'a self,
        section: &'a MediaSection,
        pick: impl Fn(&'a Attribute) -> Option<T>,
    ) -> Option<T> {
        section.attributes.iter().find_map(&pick).or_else(|| self.attributes.iter().find_map(&pick))
    }
}

/// Writes the description, each line ended by a carriage return and a line feed.
impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, &"v=0")?;
        line(f, &format_args!("o={}", self.origin))?;
        line(f, &format_args!("s={}", self.name))?;
        write_body(f, &self.lines, &self.attributes)?;
        for section in &self.media {
            line(f, &format_args!("m={}", section.head()))?;
            write_body(f, &section.lines, &section.attributes)?;
        }
        Ok(())
    }
}

fn write_body(f: &mut fmt::Formatter<'_>, lines: &[Line], attributes: &Attributes) -> fmt::Result {
    lines.iter().try_for_each(|other| line(f, other))?;
    attributes.written().try_for_each(|attribute| line(f, &format_args!("a={attribute}")))
}

fn line(f: &mut fmt::Formatter<'_>, content: &dyn fmt::Display) -> fmt::Result {
    write!(OneLine(f), "{content}")?;
    f.write_str("\r\n")
}

/// Leaves out what would begin another line, so that no value can add one, whatever it is made of.
struct OneLine<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.split(['\r', '\n', '\0']).try_for_each(|part| self.0.write_str(part))
    }
}

/// Whose session it is, and which version of its description (RFC 8866 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `-`, or the name of whoever or whatever wrote it.
    pub username: String,
    /// The id of the session: digits. It is kept as text, since not everybody keeps to 63 bits.
    pub session_id: String,
    /// The version of the description: digits. It grows with each that differs from the one before.
    pub session_version: String,
    /// `IN`.
    pub network_type: String,
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// An address. It means nothing in WebRTC.
    pub address: String,
}

impl Origin {
    /// The origin of descriptions as RFC 9429 §5.2.1 wants them.
    pub fn new(session_id: u64, session_version: u64) -> Self {
        Self {
            username: "-".to_owned(),
            session_id: session_id.to_string(),
            session_version: session_version.to_string(),
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            address: "127.0.0.1".to_owned(),
        }
    }

    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split(' ').filter(|word| !word.is_empty()).map(str::to_owned);
        let origin = Self {
            username: words.next()?,
            session_id: words.next()?,
            session_version: words.next()?,
            network_type: words.next()?,
            address_type: words.next()?,
            address: words.next()?,
        };
        let is_whole = words.next().is_none();
        (is_whole && text::is_number(&origin.session_id) && text::is_number(&origin.session_version))
            .then_some(origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { username, session_id, session_version, network_type, address_type, address } = self;
        write!(f, "{username} {session_id} {session_version} {network_type} {address_type} {address}")
    }
}
