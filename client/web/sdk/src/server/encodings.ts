/** In which encodings a picture is sent to the server, which forwards to everybody the one that suits them (RFC 8853). Pure. */
import type { TrackSource } from '../protocol.js';

/** The encodings of a camera, the lowest first, by their `rid`. */
const RIDS = ['l', 'm', 'h'] as const;
/**
 * How many pixels a picture has at least to be sent in so many encodings. Chromium keeps to the same limits, and leaves out the
 * last encodings of a smaller picture: which are used is decided here, so that the largest is not among those left out.
 */
const PIXELS_MIN: readonly (readonly [encodings: number, pixels: number])[] = [
  [3, 960 * 540],
  [2, 480 * 270],
];
/** What 180 lines take, in bits per second and pixels; more pixels take less each. */
const REFERENCE = { bps: 150_000, pixels: 320 * 180, growth: 0.88 };
/** The least a picture is given, in bits per second. */
const BITRATE_MIN = 60_000;
/** The most a camera and a screen are given, in bits per second. */
const BITRATE_MAX = { camera: 3_000_000, screen: 2_500_000 };

/** The size of a picture in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** What is set of one encoding. */
export type Encoding = Pick<RTCRtpEncodingParameters, 'active' | 'scaleResolutionDownBy' | 'maxBitrate'>;

/** With which encodings the section of a source begins: nobody knows yet how large its pictures will be. */
export function initialEncodings(source: TrackSource): RTCRtpEncodingParameters[] {
  if (source !== 'camera') return [{ ...single(source) }];
  return RIDS.map((rid, place) => ({ rid, ...camera(undefined, RIDS.length, undefined)[place] }));
}

/**
 * How each of `count` encodings is to be set. `size`: of the pictures, as far as it is known; `wanted`: the places of those that
 * somebody watches, all of them if the server has not said.
 */
export function tunedEncodings(
  source: TrackSource,
  size: PictureSize | undefined,
  count: number,
  wanted: readonly number[] | undefined,
): Encoding[] {
  if (source === 'camera' && count > 1) return camera(size, count, wanted);
  return [{ ...single(source), active: wanted?.length !== 0 }];
}

function single(source: TrackSource): Encoding {
  const isScreen = source === 'screenShare';
  return {
    active: true,
    scaleResolutionDownBy: 1,
    maxBitrate: isScreen ? BITRATE_MAX.screen : BITRATE_MAX.camera,
  };
}

function camera(size: PictureSize | undefined, count: number, wanted: readonly number[] | undefined): Encoding[] {
  const pixels = (size?.width ?? 0) * (size?.height ?? 0);
  const used = Math.min(count, pixels === 0 ? count : (PIXELS_MIN.find(([, least]) => pixels >= least)?.[0] ?? 1));
  // What is wanted may be more than there is of a small picture: then the largest stands for it.
  const active = new Set(wanted?.map((place) => Math.min(place, used - 1)));
  return Array.from({ length: count }, (_, place) => {
    const scale = 2 ** Math.max(0, used - 1 - place);
    const isUsed = place < used && (wanted === undefined || active.has(place));
    return {
      active: isUsed,
      scaleResolutionDownBy: scale,
      maxBitrate: bitrateOf((pixels === 0 ? 1280 * 720 : pixels) / scale ** 2),
    };
  });
}

function bitrateOf(pixels: number): number {
  const { bps, pixels: reference, growth } = REFERENCE;
  const wanted = bps * (pixels / reference) ** growth;
  return Math.round(Math.min(BITRATE_MAX.camera, Math.max(BITRATE_MIN, wanted)) / 10_000) * 10_000;
}
