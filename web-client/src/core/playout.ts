// How long received frames are held back before they are shown. A browser plans this from its own round trip to the server, and cannot
// know that what the other person's line lost takes another trip to come again. Knows counters only.

/** Enough for one repair and a second try on a line of 100 ms round trip, when the last packet of a picture was lost. */
export const HOLD_MS = 250;
/** This many questions for lost packets in `WINDOW_MS` are a line that loses. */
export const QUESTIONS = 5;
export const WINDOW_MS = 5_000;
/** A line without losses for so long is believed again. */
export const CALM_MS = 20_000;

export class Playout {
  #readings: { at: number; questions: number }[] = [];
  #lossyAt = -Infinity;

  /** Takes the growing number of questions (NACK); answers how long to hold frames back, `null` for as the browser likes. */
  reading(questions: number, now: number): number | null {
    // A new transport counts from zero.
    if (questions < (this.#readings[this.#readings.length - 1]?.questions ?? 0)) this.#readings = [];
    this.#readings.push({ at: now, questions });
    while (this.#readings.length > 1 && now - this.#readings[0]!.at > WINDOW_MS) this.#readings.shift();
    if (questions - this.#readings[0]!.questions >= QUESTIONS) this.#lossyAt = now;
    return now - this.#lossyAt < CALM_MS ? HOLD_MS : null;
  }
}
