// How a picture is encoded under a lid: how many bits a second, and how large so that they suffice for every frame. Left to itself a browser makes the picture
// smaller by and by, and takes ten seconds for each step back; told the size it has it at once. Knows no sender and no track.

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
/** Lines of a moving picture for which so many bits a second are too few. */
const SIZES = [
  { below: 150_000, height: 180 },
  { below: 400_000, height: 360 },
  { below: 800_000, height: 540 },
];
/** A larger size comes back only well above its bound: each change costs a key frame. */
const CALM = 1.2;

/** `lid`: bits a second with all headers, 0 while nobody can receive the picture, null without one. `height`: of the camera, undefined where size must stay (a document). */
export function encodingUnder(lid: number | null, most: number, height: number | undefined, before: Encoding): Encoding {
  if (lid === null) return { active: true, maxBitrate: most, scaleResolutionDownBy: 1 };
  if (lid <= 0) return { ...before, active: false };
  const maxBitrate = Math.round(Math.min(most, Math.max(BPS_MIN, lid * (1 - HEADERS_SHARE) - HEADERS_BPS)));
  if (height === undefined) return { active: true, maxBitrate, scaleResolutionDownBy: 1 };
  const fits = (bits: number) => Math.max(1, height / (SIZES.find(({ below }) => bits < below)?.height ?? height));
  const wanted = fits(lid);
  // What rested comes back at the size that fits now.
  const scaleResolutionDownBy = before.active && wanted < before.scaleResolutionDownBy ? Math.min(before.scaleResolutionDownBy, fits(lid / CALM)) : wanted;
  return { active: true, maxBitrate, scaleResolutionDownBy };
}

/** All encodings of a camera at once, from the smallest up: the size of each stays, the best takes what the lid leaves, and one for which there is no room rests. */
export function layersUnder(lid: number | null, layers: readonly { maxBitrate: number; scaleResolutionDownBy: number }[]): Encoding[] {
  return layers.map(({ maxBitrate, scaleResolutionDownBy }, at) => {
    const smaller = layers[at - 1]?.maxBitrate ?? 0;
    const before = { active: true, maxBitrate, scaleResolutionDownBy };
    const under = encodingUnder(lid, maxBitrate, undefined, before);
    return { active: under.active && (lid === null || lid > smaller * CALM), maxBitrate: under.maxBitrate, scaleResolutionDownBy };
  });
}
