// How a picture is encoded under a lid: how many bits a second, or not at all while nobody can receive it. The size of a picture that is sent once stays the
// browser's choice: what is small for good would never take more, and never be given more. Knows no sender and no track.

export interface Encoding {
  active: boolean;
  maxBitrate: number;
  scaleResolutionDownBy: number;
}

/** Headers take this share of what is sent, and so much whatever is sent: thirty small packets a second. */
const HEADERS_SHARE = 0.06;
const HEADERS_BPS = 16_000;
/** No encoder goes below. */
const BPS_MIN = 30_000;
/** A larger encoding is sent only well above what the one below it takes: its beginning costs a key frame. */
const CALM = 1.2;

/** `lid`: bits a second with all headers, 0 while nobody can receive the picture, null without one. `most`: what it takes at its best, without headers. */
export function encodingUnder(lid: number | null, most: number): Encoding {
  if (lid === null) return { active: true, maxBitrate: most, scaleResolutionDownBy: 1 };
  if (lid <= 0) return { active: false, maxBitrate: most, scaleResolutionDownBy: 1 };
  return { active: true, maxBitrate: Math.round(Math.min(most, Math.max(BPS_MIN, lid * (1 - HEADERS_SHARE) - HEADERS_BPS))), scaleResolutionDownBy: 1 };
}

/** All encodings of a camera at once, from the smallest up: the size of each stays, the best takes what its `lid` leaves, the others what `smaller` does, and one for which there is no room rests. */
export function layersUnder(lid: number | null, smaller: number | null, layers: readonly { maxBitrate: number; scaleResolutionDownBy: number }[]): Encoding[] {
  return layers.map(({ maxBitrate, scaleResolutionDownBy }, at) => {
    const below = layers[at - 1]?.maxBitrate ?? 0;
    const own = at === layers.length - 1 || smaller === null ? lid : Math.min(lid ?? Infinity, smaller);
    const under = encodingUnder(own, maxBitrate);
    return { active: under.active && (own === null || own > below * CALM), maxBitrate: under.maxBitrate, scaleResolutionDownBy };
  });
}
