//! What a slot was sent, looked at when nothing can come behind it any more: gaps, whole frames, references, pictures, marks.

use super::archive::Archive;
use super::receiver::{Got, Item, Segment};
use super::{Broken, must};
use moim_rtp::payload::PayloadFormat;
use std::collections::{BTreeMap, BTreeSet};

/// Frames that later ones may refer to.
const FRAMES_KEPT: usize = 256;

/// How far a slot has been looked at.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The last number, and what it was of.
    last: Option<Last>,
    fillers: u64,
    /// The packets of the present picture.
    group: Vec<Got>,
    /// The last picture before: its number as it came, and as it left.
    picture: Option<(u32, u64, u16)>,
    /// The frames that were sent of the present segment.
    frames: BTreeSet<(u64, u8)>,
    /// Everything below this picture that was not sent is not known any more.
    frames_from: u64,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    seq: u64,
    segment: u32,
    index: u64,
}

impl Settled {
    /// The segment that it has come to.
    pub(super) fn segment(&self) -> Option<u32> {
        self.group.first().map(|got| got.segment).or(self.last.map(|last| last.segment))
    }

    /// Whether nothing comes any more of what it has come to.
    pub(super) fn is_over(&self, archive: &Archive) -> bool {
        self.group.first().is_some_and(|got| archive.is_over(got.sent.stream))
    }

    pub(super) fn take(
        &mut self,
        seq: u64,
        item: Item,
        segments: &BTreeMap<u32, Segment>,
        archive: &Archive,
    ) -> Result<(), Broken> {
        let got = match item {
            Item::Filler => {
                self.fillers += 1;
                return Ok(());
            }
            Item::Packet(got) => got,
        };
        self.check_gap(seq, &got, segments, archive)?;
        self.last = Some(Last { seq, segment: got.segment, index: got.sent.index });
        self.fillers = 0;
        let picture = |got: &Got| (got.segment, got.sent.part.as_ref().map(|part| part.picture));
        if self.group.first().is_some_and(|first| picture(first) != picture(&got)) {
            self.end(segments, archive)?;
        }
        self.group.push(got);
        Ok(())
    }

    /// A gap is as long as what was lost on the way in.
    fn check_gap(
        &self,
        seq: u64,
        got: &Got,
        segments: &BTreeMap<u32, Segment>,
        archive: &Archive,
    ) -> Result<(), Broken> {
        let Some(last) = self.last else { return Ok(()) };
        let missing = seq - last.seq - 1 - self.fillers;
        let said = || format!("{missing} missing between {last:?} and {seq}, {:?}", got.sent);
        if last.segment != got.segment {
            // What was lost behind the last one that was sent has its gap, too.
            let lost = segments.get(&last.segment).map_or(0, |segment| {
                let behind = archive.between(segment.stream, last.index + 1, u64::MAX);
                behind.filter(|record| record.came.is_none_or(|order| order > segment.last_order)).count()
            });
            let is_known =
                segments.get(&last.segment).is_some_and(|segment| !archive.is_over(segment.stream));
            return must(!is_known || missing <= lost as u64, "there is no gap before what begins", said);
        }
        must(last.index < got.sent.index, "the order is that of the publisher", said)?;
        let Some(segment) = segments.get(&got.segment) else { return Ok(()) };
        let (mut never, mut late) = (0, 0);
        for record in archive.between(segment.stream, last.index + 1, got.sent.index) {
            match record.came {
                None => never += 1,
                Some(order) if order > segment.last_order => late += 1,
                Some(_) => {}
            }
        }
        must((never..=never + late).contains(&missing), "gaps are as long as what was lost", || {
            format!("{never} were lost, {late} late: {}", said())
        })
    }

    /// A picture is over.
    pub(super) fn end(&mut self, segments: &BTreeMap<u32, Segment>, archive: &Archive) -> Result<(), Broken> {
        let group = std::mem::take(&mut self.group);
        let (Some(first), Some(segment)) =
            (group.first(), group.first().and_then(|got| segments.get(&got.segment)))
        else {
            return Ok(());
        };
        let Some(part) = first.sent.part.as_ref().filter(|part| part.count > 0 && is_video(first)) else {
            return Ok(());
        };
        if self.picture.is_none_or(|(segment, ..)| segment != first.segment) {
            self.frames.clear();
            self.frames_from = part.picture;
        }
        check_whole(&group, segment, archive)?;
        check_marks(&group, segment, archive)?;
        self.check_references(&group, segment, archive)?;
        self.check_picture_id(first, segment, archive)?;
        Ok(())
    }

    /// What a frame refers to was sent, or was lost on the way in.
    fn check_references(
        &mut self,
        group: &[Got],
        segment: &Segment,
        archive: &Archive,
    ) -> Result<(), Broken> {
        for got in group {
            if let Some(part) = &got.sent.part {
                self.frames.insert((part.picture, part.spatial));
            }
        }
        while self.frames.len() > FRAMES_KEPT {
            self.frames_from = self.frames.pop_first().map_or(0, |(picture, _)| picture);
        }
        for got in group {
            for (picture, spatial) in &got.sent.references {
                if self.frames.contains(&(*picture, *spatial)) || *picture < self.frames_from {
                    continue;
                }
                let is_of_it = |record: &&super::archive::Record| {
                    record
                        .sent
                        .part
                        .as_ref()
                        .is_some_and(|part| (part.picture, part.spatial) == (*picture, *spatial))
                };
                let back = got.sent.index.saturating_sub(400).max(segment.begun);
                let mut records = archive.between(segment.stream, back, got.sent.index).filter(is_of_it);
                let has_come =
                    records.any(|record| record.came.is_some_and(|order| order <= segment.last_order));
                must(!has_come, "what frames refer to is there", || {
                    format!("{:?} refers to {picture}.{spatial}, which was left out", got.sent.part)
                })?;
            }
        }
        Ok(())
    }

    /// Numbers of pictures in VP8 have the gaps that there were, and no others; in VP9 they keep their distances.
    fn check_picture_id(&mut self, first: &Got, segment: &Segment, archive: &Archive) -> Result<(), Broken> {
        let (Some(part), Some(id)) = (&first.sent.part, first.picture_id) else { return Ok(()) };
        let before = self.picture.replace((first.segment, part.picture, id));
        let Some((of, picture, last)) = before else { return Ok(()) };
        let ahead = u64::from(id.wrapping_sub(last) & 0x7FFF);
        let said = || format!("{last} of {picture}, then {id} of {}", part.picture);
        if of != first.segment {
            return must((1..600).contains(&ahead), "picture ids go on where something begins", said);
        }
        let distance = part.picture - picture;
        if format_of(first) != PayloadFormat::Vp8 {
            return must(ahead == distance & 0x7FFF, "picture ids keep their distances", said);
        }
        // Of pictures of which something came while they were the newest it is known that they were left out.
        let mut newest = picture;
        let mut unknown = 0;
        let mut seen = BTreeMap::new();
        for record in archive.between(segment.stream, segment.begun, first.sent.index + 600) {
            if let (Some(part), Some(order)) = (&record.sent.part, record.came) {
                let first = seen.entry(part.picture).or_insert(order);
                *first = (*first).min(order);
            }
        }
        let order_of = |picture: u64| seen.get(&picture).copied();
        for between in picture + 1..part.picture {
            newest = newest.max(between);
            let later = (between + 1..part.picture + 40).filter_map(order_of).min();
            let is_known = order_of(between).is_some_and(|order| later.is_none_or(|later| order < later));
            unknown += u64::from(!is_known);
        }
        must(ahead == 1 + unknown, "picture ids have the gaps that there were", || {
            format!("{unknown} pictures between did not come: {}", said())
        })
    }
}

fn is_video(got: &Got) -> bool {
    format_of(got) != PayloadFormat::Opus
}

fn format_of(got: &Got) -> PayloadFormat {
    got.sent.format
}

/// No frame is sent in part but for what was lost.
fn check_whole(group: &[Got], segment: &Segment, archive: &Archive) -> Result<(), Broken> {
    let sent: BTreeSet<u64> = group.iter().map(|got| got.sent.index).collect();
    let frames: BTreeSet<u8> =
        group.iter().filter_map(|got| got.sent.part.as_ref()).map(|part| part.spatial).collect();
    let (Some(from), Some(to)) = (sent.first(), sent.last()) else { return Ok(()) };
    let Some(part) = &group[0].sent.part else { return Ok(()) };
    let from = from.saturating_sub(60).max(segment.begun);
    for record in archive.between(segment.stream, from, to + 60) {
        let Some(of) = &record.sent.part else { continue };
        if of.picture != part.picture || !frames.contains(&of.spatial) {
            continue;
        }
        let has_come = record.came.is_some_and(|order| order <= segment.last_order);
        must(!has_come || sent.contains(&record.sent.index), "frames are whole", || {
            format!("of {part:?} this was left out: {of:?}")
        })?;
    }
    Ok(())
}

/// The last packet of a picture is marked, and no other is.
fn check_marks(group: &[Got], segment: &Segment, archive: &Archive) -> Result<(), Broken> {
    let Some((last, before)) = group.split_last() else { return Ok(()) };
    let said = || format!("{:?}", group.iter().map(|got| (&got.sent.part, got.marker)).collect::<Vec<_>>());
    must(before.iter().all(|got| !got.marker), "only the last packet of a picture is marked", said)?;
    let Some(part) = &last.sent.part else { return Ok(()) };
    let from = last.sent.index.saturating_sub(60);
    let of_picture = archive
        .between(segment.stream, from, last.sent.index + 60)
        .filter(|record| record.sent.part.as_ref().is_some_and(|other| other.picture == part.picture));
    let is_all_there = of_picture
        .filter(|record| record.sent.index >= segment.begun)
        .all(|record| record.came.is_some_and(|order| order <= segment.last_order));
    must(!is_all_there || last.marker, "the last packet of a picture is marked", said)
}
