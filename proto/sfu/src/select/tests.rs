use super::Selection;
use crate::facts::{Facts, Frame, Switch};
use crate::layers::{LayerIndex, Targets, targets_with};
use moim_wire::RtpTimestamp;

/// The first packet of a picture in a temporal layer.
fn picture(at: u32, temporal: u8, switch: Switch) -> Facts {
    let layers = LayerIndex::new(0, temporal);
    Facts {
        timestamp: RtpTimestamp(at),
        starts_picture: true,
        layers,
        targets: targets_with(layers),
        switch,
        ..Facts::default()
    }
}

fn up_to(temporal: u8) -> LayerIndex {
    LayerIndex::new(3, temporal)
}

fn choose(selection: &mut Selection, facts: &Facts) -> bool {
    selection.choose(facts, &Targets::ByLayer, |_| false)
}

/// A selection that has begun with a key frame and gets what is wanted.
fn begun(wanted: LayerIndex) -> Selection {
    let mut selection = Selection::new();
    selection.want(wanted);
    selection.begin(&Facts { begins: true, ..picture(0, 0, Switch::Nobody) }, &Targets::ByLayer);
    selection
}

#[test]
fn down_goes_at_the_next_picture_and_late_packets_of_the_last_are_still_of_it() {
    let mut selection = begun(up_to(2));
    let last = picture(1, 2, Switch::Nobody);
    assert!(choose(&mut selection, &last));
    selection.want(up_to(0));
    let rest_of_it = Facts { starts_picture: false, ..last };
    assert!(choose(&mut selection, &rest_of_it), "frames are whole");

    assert!(!choose(&mut selection, &picture(2, 1, Switch::Nobody)));
    assert!(choose(&mut selection, &picture(3, 0, Switch::Nobody)));
    let late = Facts { is_late: true, ..rest_of_it };
    assert!(choose(&mut selection, &late));
}

/// Covers: RFC 7741 §4.2
#[test]
fn up_goes_at_a_frame_that_refers_to_the_lowest_layer_only() {
    let mut selection = begun(up_to(0));
    selection.want(up_to(2));

    assert!(!choose(&mut selection, &picture(1, 2, Switch::Nobody)));
    assert!(choose(&mut selection, &picture(2, 1, Switch::ToThisLayer)));
    assert!(!choose(&mut selection, &picture(3, 2, Switch::Nobody)));
    assert!(choose(&mut selection, &picture(4, 2, Switch::ToThisLayer)));
    assert!(choose(&mut selection, &picture(5, 2, Switch::Nobody)));
}

/// Covers: RFC 9628 §4.2
#[test]
fn up_goes_behind_a_frame_that_those_above_do_not_look_back_beyond() {
    let mut selection = begun(up_to(0));
    selection.want(up_to(2));

    assert!(
        !choose(&mut selection, &picture(1, 1, Switch::FromThisLayer)),
        "it may refer to others of its layer"
    );
    assert!(choose(&mut selection, &picture(2, 0, Switch::FromThisLayer)));
    assert!(choose(&mut selection, &picture(3, 2, Switch::Nobody)));
}

/// Covers: RFC 7798 §1.1.4
#[test]
fn up_goes_a_step_or_all_the_way_from_the_layer_below() {
    for (switch, reached) in [(Switch::StepToThisLayer, 1), (Switch::StepToThisAndAbove, 2)] {
        let mut selection = begun(up_to(0));
        selection.want(up_to(2));

        assert!(!choose(&mut selection, &picture(1, 2, switch)), "the layer between is missing");
        assert!(choose(&mut selection, &picture(2, 1, switch)));
        assert_eq!(selection.layers().temporal, reached);
    }
}

/// Covers: RTP Payload Format For AV1, appendix A
#[test]
fn up_goes_to_a_decode_target_by_a_frame_whose_references_are_there() {
    let mut layers = [LayerIndex::default(); 32];
    layers[1] = LayerIndex::new(0, 1);
    let mut parts = [0; 32];
    parts[..2].copy_from_slice(&[0b01, 0b11]);
    let targets = Targets::Described { layers, parts, count: 2 };
    let mut selection = begun(LayerIndex::default());
    selection.want(LayerIndex::ALL);
    let mut references = [0; 8];
    references[0] = 2;
    let frame = Frame { number: 100, references, ..Frame::default() };
    let facts = Facts { targets: 0b10, frame: Some(frame), ..picture(1, 1, Switch::ToTargets(0b10)) };

    assert!(!selection.choose(&facts, &targets, |number| number == 99));
    assert!(selection.choose(&facts, &targets, |number| number == 98));
}

/// Spatial layers that refer to those below in key frames only are no way down to those below.
///
/// Covers: RTP Payload Format For AV1, appendix A
#[test]
fn down_goes_to_a_part_at_once_and_to_others_by_a_key_frame() {
    let mut layers = [LayerIndex::default(); 32];
    layers[1] = LayerIndex::new(1, 0);
    for (parts_of_upper, is_part) in [(0b11, true), (0b10, false)] {
        let mut parts = [0; 32];
        parts[..2].copy_from_slice(&[0b01, parts_of_upper]);
        let targets = Targets::Described { layers, parts, count: 2 };
        let mut selection = Selection::new();
        let of_both = |at| Facts { targets: 0b11, ..picture(at, 0, Switch::Nobody) };
        selection.begin(&of_both(0), &targets);
        selection.want(LayerIndex::new(0, 7));

        selection.choose(&of_both(1), &targets, |_| false);
        assert_eq!(selection.layers().spatial == 0, is_part);
        assert_eq!(selection.needs_key_frame(), !is_part);
        selection.choose(&Facts { begins: true, ..of_both(2) }, &targets, |_| false);
        assert_eq!(selection.layers().spatial, 0);
        assert!(!selection.needs_key_frame());
    }
}

#[test]
fn late_packets_are_of_the_layers_of_their_time() {
    let mut selection = begun(up_to(2));
    for (at, temporal) in [(10, 0), (11, 1), (12, 0)] {
        selection.want(up_to(temporal));
        choose(&mut selection, &picture(at, 0, Switch::FromThisLayer));
    }

    let late = |at, temporal| Facts {
        is_late: true,
        starts_picture: false,
        ..picture(at, temporal, Switch::Nobody)
    };
    assert!(choose(&mut selection, &late(9, 2)));
    assert!(!choose(&mut selection, &late(10, 1)));
    assert!(choose(&mut selection, &late(11, 1)));
    assert!(!choose(&mut selection, &late(12, 1)));
}

#[test]
fn spatial_layers_are_added_by_key_frames_only() {
    let mut selection = begun(LayerIndex::new(0, 7));
    selection.want(LayerIndex::ALL);
    assert!(selection.needs_key_frame());
    assert!(choose(&mut selection, &picture(1, 0, Switch::FromThisLayer)));
    assert!(selection.needs_key_frame());

    assert!(choose(&mut selection, &Facts { begins: true, ..picture(2, 0, Switch::Nobody) }));
    assert!(!selection.needs_key_frame());
}

#[test]
fn where_no_switching_point_comes_a_key_frame_is_asked_for() {
    let mut selection = begun(up_to(0));
    selection.want(up_to(2));
    for at in 0..50 {
        assert!(choose(&mut selection, &picture(10 + 2 * at, 0, Switch::Nobody)));
        assert!(!selection.needs_key_frame());
        assert!(!choose(&mut selection, &picture(11 + 2 * at, 2, Switch::Nobody)));
    }
    for at in 0..50 {
        assert!(!choose(&mut selection, &picture(200 + at, 2, Switch::Nobody)));
    }
    assert!(selection.needs_key_frame());

    assert!(choose(&mut selection, &Facts { begins: true, ..picture(300, 0, Switch::Nobody) }));
    assert!(!selection.needs_key_frame());
}
