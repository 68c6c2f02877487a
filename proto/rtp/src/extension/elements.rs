/// The profile of the form in which an element has one byte of header (RFC 8285 §4.2).
pub(crate) const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// The profile of the form in which an element has two, its last four bits zero (RFC 8285 §4.3).
pub(crate) const TWO_BYTE_PROFILE: u16 = 0x1000;

/// The elements of a packet's header extension, in either form (RFC 8285 §4.2, §4.3).
///
/// It ends at the first element that does not fit, since what is behind that cannot be found. A block of any other profile has no elements.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    rest: &'a [u8],
    form: Form,
    /// Where `rest` lies in the packet.
    offset: usize,
}

/// One element: a number that the session description explains, and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its number on this connection.
    pub id: u8,
    /// What it carries.
    pub data: &'a [u8],
    /// Where in the packet that lies.
    pub offset: usize,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

impl<'a> Extensions<'a> {
    pub(crate) fn none() -> Self {
        Self { rest: &[], form: Form::OneByte, offset: 0 }
    }

    pub(crate) fn new(profile: u16, block: &'a [u8], offset: usize) -> Self {
        if profile == ONE_BYTE_PROFILE {
            Self { rest: block, form: Form::OneByte, offset }
        } else if profile & 0xFFF0 == TWO_BYTE_PROFILE {
            // The last four bits are the application's (RFC 8285 §4.3), which WebRTC does not use.
            Self { rest: block, form: Form::TwoByte, offset }
        } else {
            Self::none()
        }
    }

    /// The number, the length of the header and the length of the data of the next element.
    fn peek(&self) -> Option<(u8, usize, usize)> {
        let first = *self.rest.first()?;
        match self.form {
            // RFC 8285 §4.2: the number 15 ends the block.
            Form::OneByte if first >> 4 == 15 => None,
            Form::OneByte => Some((first >> 4, 1, usize::from(first & 0x0F) + 1)),
            Form::TwoByte => Some((first, 2, usize::from(*self.rest.get(1)?))),
        }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        // A zero byte is padding, anywhere between elements.
        while let [0, rest @ ..] = self.rest {
            self.rest = rest;
            self.offset += 1;
        }
        let next = self.peek().and_then(|(id, header_len, len)| {
            let data = self.rest.get(header_len..header_len + len)?;
            Some((Element { id, data, offset: self.offset + header_len }, header_len + len))
        });
        if let Some((element, total_len)) = next {
            self.rest = &self.rest[total_len..];
            self.offset += total_len;
            Some(element)
        } else {
            self.rest = &[];
            None
        }
    }
}
