// How long received frames are held back before they are shown. A browser plans this from its own round trip to the server, and cannot
// know that what the other person's line lost takes another trip to come again. Knows counters only.

/** Enough for one repair and a second try on a line of 100 ms round trip, when the last packet of a picture was lost. */
export const HOLD_MS = 250;
/** A picture that froze all the same needed one try more: so much longer from then on, up to a delay at which people begin to interrupt each other. */
export const LONGER_MS = 75;
export const LONGEST_MS = 475;
/** This many questions for lost packets in `WINDOW_MS` are a line that loses. */
export const QUESTIONS = 5;
export const WINDOW_MS = 5_000;
/** A line without losses for so long is believed again; without a freeze for so long it is held back less. */
export const CALM_MS = 20_000;

/** What was counted of the received pictures so far. */
export interface Counted {
  /** How often lost packets were asked for (NACK). */
  questions: number;
  freezes: number;
}

export class Playout {
  #readings: (Counted & { at: number })[] = [];
  #lossyAt = -Infinity;
  #hold = HOLD_MS;
  /** When the hold was last found too short, or last made shorter. */
  #heldAt = -Infinity;

  /** Takes the growing numbers; answers how long to hold frames back, `null` for as the browser likes. */
  reading(counted: Counted, now: number): number | null {
    const before = this.#readings[this.#readings.length - 1];
    // A new transport counts from zero.
    if (before && counted.questions < before.questions) this.#readings = [];
    const froze = before !== undefined && counted.freezes > before.freezes;
    this.#readings.push({ ...counted, at: now });
    while (this.#readings.length > 1 && now - this.#readings[0]!.at > WINDOW_MS) this.#readings.shift();
    // The beginning of a hold is seen as a freeze by some browsers: only what froze under it counts.
    const held = now - this.#lossyAt < CALM_MS;
    if (counted.questions - this.#readings[0]!.questions >= QUESTIONS) this.#lossyAt = now;
    if (!held) {
      [this.#hold, this.#heldAt] = [HOLD_MS, now];
    } else if (froze && now - this.#heldAt >= WINDOW_MS / 2) {
      [this.#hold, this.#heldAt] = [Math.min(this.#hold + LONGER_MS, LONGEST_MS), now];
    } else if (now - this.#heldAt >= CALM_MS * 2) {
      [this.#hold, this.#heldAt] = [Math.max(this.#hold - LONGER_MS, HOLD_MS), now];
    }
    return now - this.#lossyAt < CALM_MS ? this.#hold : null;
  }
}
