use super::*;
use crate::Error;
use crate::opus_head::OpusHead;
use proptest::prelude::*;

/// A packet of 20 ms.
fn packet(len: usize) -> Vec<u8> {
    let mut packet = vec![0x55; len.max(1)];
    packet[0] = 31 << 3;
    packet
}

fn write(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = OggOpusWriter::new(Vec::new(), &OpusHead::new(2), 1).unwrap();
    for packet in packets {
        writer.write_packet(packet).unwrap();
    }
    writer.finish().unwrap()
}

fn read(file: &[u8]) -> Result<Vec<OpusPacket>, Error> {
    let mut reader = OggOpusReader::new(file)?;
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet()? {
        packets.push(packet);
    }
    Ok(packets)
}

proptest! {
    /// Covers: RFC 3533 §6, RFC 7845 §4
    #[test]
    fn what_is_written_reads_the_same(lens in proptest::collection::vec(1_usize..1_300, 0..80)) {
        let packets: Vec<_> = lens.into_iter().map(packet).collect();

        let read = read(&write(&packets)).unwrap();

        prop_assert_eq!(read.len(), packets.len());
        for (index, (read, written)) in read.iter().zip(&packets).enumerate() {
            prop_assert_eq!(&read.data, written);
            prop_assert_eq!((read.start, read.ticks), (index as u64 * 960, 960));
        }
    }
}

#[test]
fn packets_longer_than_a_page_and_of_full_segments_survive() {
    let packets = vec![packet(70_000), packet(255), packet(510), packet(65_025), packet(1)];

    let read = read(&write(&packets)).unwrap();

    assert_eq!(read.into_iter().map(|packet| packet.data).collect::<Vec<_>>(), packets);
}

/// Covers: RFC 7845 §4.1
#[test]
fn a_gap_stays_a_gap() {
    let mut writer = OggOpusWriter::new(Vec::new(), &OpusHead::new(1), 1).unwrap();
    writer.write_packet(&packet(10)).unwrap();
    writer.skip_to(4_800).unwrap();
    writer.skip_to(100).unwrap();
    writer.write_packet(&packet(11)).unwrap();
    assert_eq!(writer.position(), 5_760);

    let read = read(&writer.finish().unwrap()).unwrap();

    assert_eq!(read.iter().map(|packet| packet.start).collect::<Vec<_>>(), [0, 4_800]);
}

#[test]
fn a_cut_file_gives_its_whole_pages() {
    let file = write(&vec![packet(80); 60]);

    let mut reader = OggOpusReader::new(&file[..file.len() - 10]).unwrap();
    let mut count = 0;
    let end = loop {
        match reader.next_packet() {
            Ok(Some(_)) => count += 1,
            end => break end,
        }
    };

    assert!(matches!(end, Err(Error::Truncated(_))));
    assert_eq!(count, 50);
}

#[test]
fn what_is_no_opus_is_refused() {
    let mut writer = OggOpusWriter::new(Vec::new(), &OpusHead::new(1), 1).unwrap();

    assert!(writer.write_packet(&[]).is_err());
    assert!(OggOpusReader::new(&[][..]).is_err());
    assert!(OggOpusReader::new(&[0; 100][..]).is_err());
}
