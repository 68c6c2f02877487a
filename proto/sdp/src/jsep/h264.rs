//! Which streams of H.264 are the same for offer and answer (RFC 6184 §8.2.2).

use crate::FormatParameters;

/// What a missing `profile-level-id` means. RFC 6184 has it mean Baseline, but who leaves it out on the web is
/// taken to mean what all browsers have: Constrained Baseline, level 3.1.
const PROFILE_LEVEL_ID_DEFAULT: u32 = 0x0042_e01f;
/// In Baseline profiles, level 1b is level 11 with this constraint set.
const CONSTRAINT_SET_3: u8 = 0x10;
const LEVEL_1B: u8 = 9;
const LEVEL_1_1: u8 = 11;

/// What decoders differ by, of what `profile-level-id` can say (RFC 6184 §8.1, table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    Extended,
    ConstrainedHigh,
    High,
    PredictiveHigh444,
    /// Any other: the profile byte, and the constraints.
    Other(u8, u8),
}

/// A profile, the byte that spells it, and the level: in tenths, but for 1b, which is 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProfileLevel {
    pub(super) profile: Profile,
    level: u8,
}

impl ProfileLevel {
    /// Reads `42e01f`; `None` if it is not six hexadecimal digits.
    pub(super) fn of(parameters: &FormatParameters) -> Option<Self> {
        let number = match parameters.get("profile-level-id") {
            Some(text) if text.len() == 6 => u32::from_str_radix(text, 16).ok()?,
            Some(_) => return None,
            None => PROFILE_LEVEL_ID_DEFAULT,
        };
        let [_, profile_idc, constraints, level_idc] = number.to_be_bytes();
        let profile = Profile::from_bytes(profile_idc, constraints);
        let has_1b = matches!(
            profile,
            Profile::ConstrainedBaseline | Profile::Baseline | Profile::Main | Profile::Extended
        );
        let level = match level_idc {
            LEVEL_1_1 if has_1b && constraints & CONSTRAINT_SET_3 != 0 => LEVEL_1B,
            level => level,
        };
        Some(Self { profile, level })
    }
}

impl Profile {
    fn from_bytes(profile_idc: u8, constraints: u8) -> Self {
        // Each profile has bits that must be as given, and others that do not matter.
        let has = |set: u8, clear: u8| constraints & set == set && constraints & clear == 0;
        match profile_idc {
            0x42 if has(0x40, 0x0f) => Self::ConstrainedBaseline,
            0x42 if has(0, 0x4f) => Self::Baseline,
            0x4d if has(0x80, 0x0f) => Self::ConstrainedBaseline,
            0x4d if has(0, 0x8f) => Self::Main,
            0x58 if has(0xc0, 0x0f) => Self::ConstrainedBaseline,
            0x58 if has(0x80, 0x4f) => Self::Baseline,
            0x58 if has(0, 0xcf) => Self::Extended,
            0x64 if constraints == 0x0c => Self::ConstrainedHigh,
            0x64 if constraints == 0 => Self::High,
            0xf4 if constraints == 0 => Self::PredictiveHigh444,
            _ => Self::Other(profile_idc, constraints),
        }
    }
}

/// `packetization-mode`: 0, if it is not said.
pub(super) fn packetization_mode(parameters: &FormatParameters) -> &str {
    parameters.get("packetization-mode").unwrap_or("0")
}

/// What an answer says: our parameters, with a level that both can do unless each may have one of its own.
pub(super) fn answer(local: &FormatParameters, offered: &FormatParameters) -> FormatParameters {
    let mut answer = local.clone();
    let is_asymmetric =
        [local, offered].into_iter().all(|side| side.get("level-asymmetry-allowed") == Some("1"));
    if is_asymmetric {
        return answer;
    }
    answer.remove("level-asymmetry-allowed");
    if let (Some(own), Some(theirs)) = (ProfileLevel::of(local), ProfileLevel::of(offered))
        && theirs.level < own.level
        && let Some(text) = offered.get("profile-level-id")
    {
        answer.set("profile-level-id", text);
    }
    answer
}
