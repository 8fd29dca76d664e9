// How a picture is encoded under a lid: how many bits a second, or not at all while nobody can receive it. The size stays the browser's choice: what is small
// for good would never ask for more, and never be given more. Knows no sender and no track.

export interface Encoding {
  active: boolean;
  maxBitrate: number;
}

/** Headers take this share of what is sent, and so much whatever is sent: thirty small packets a second. */
const HEADERS_SHARE = 0.06;
const HEADERS_BPS = 16_000;
/** No encoder goes below. */
const BPS_MIN = 30_000;

/** `lid`: bits a second with all headers, 0 while nobody can receive the picture, null without one. `most`: what the picture takes at its best, without headers. */
export function encodingUnder(lid: number | null, most: number): Encoding {
  if (lid === null) return { active: true, maxBitrate: most };
  if (lid <= 0) return { active: false, maxBitrate: most };
  return { active: true, maxBitrate: Math.round(Math.min(most, Math.max(BPS_MIN, lid * (1 - HEADERS_SHARE) - HEADERS_BPS))) };
}
