use moim_stun::AttributeType;

/// An attribute of a check or its answer that the agent itself has no use for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Its number: of one that who does not know it passes over (RFC 8489 §14).
    pub number: AttributeType,
    /// What it says.
    pub value: Vec<u8>,
}

/// What checks and their answers carry for others, such as DTLS within STUN. The agent does not look into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Which attributes are told of by [`Event::Extras`](crate::Event::Extras) when they come.
    pub known: Vec<AttributeType>,
    /// What every message carries, if there is room.
    pub always: Vec<Extra>,
    /// Of these, every message carries one, if there is room: by turns.
    pub in_turn: Vec<Extra>,
}
