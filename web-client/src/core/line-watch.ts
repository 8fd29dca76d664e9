// Decides from growing counters when a line is dead and what to try next. Knows no peer connection.

/** Two missed reports of the server (one a second) and some jitter. */
export const SILENCE_MS = 1_600;
/** How long a restarted path may take before a new transport is made. */
export const RESTART_GRACE_MS = 3_000;
/** Fresh enough to say that the media survived what the signaling did not. */
export const FRESH_MS = 700;

export type Remedy = "none" | "restart" | "replace";

export class LineWatch {
  #count = -1;
  #heardAt: number;
  #remedyAt = -Infinity;
  #restarted = false;

  constructor(now: number) {
    this.#heardAt = now;
  }

  /** A new reading of what ever came in. */
  reading(count: number, now: number): void {
    if (count > this.#count) {
      // The first reading is a base line, not a sign of life.
      if (this.#count >= 0) {
        this.#heardAt = now;
        this.#restarted = false;
      }
      this.#count = count;
    }
  }

  /** Something outside says that the path may have changed. */
  silentMs(now: number): number {
    return now - this.#heardAt;
  }

  get lost(): boolean {
    return this.#restarted;
  }

  /** What to do now. `suspected`: the browser itself reports trouble, do not wait for the silence. */
  remedy(now: number, suspected = false): Remedy {
    if (!suspected && this.silentMs(now) < SILENCE_MS) return "none";
    if (now - this.#remedyAt < RESTART_GRACE_MS) return "none";
    this.#remedyAt = now;
    if (this.#restarted && this.silentMs(now) >= SILENCE_MS) return "replace";
    this.#restarted = true;
    return "restart";
  }
}
