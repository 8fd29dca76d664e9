// Decides from growing counters when a line is dead and what to try next. Knows no peer connection.

/** The server reports on what it gets every 50 to 100 ms and speaks for itself each second: longer than that is no jitter. */
export const SILENCE_MS = 1_300;
/** From here the signaling is asked whether it lives, so that a dead line is known when the silence is. */
export const SUSPICIOUS_MS = 700;
/** How long a restarted path may take before a new transport is made. */
export const RESTART_GRACE_MS = 3_000;
/** So long nothing comes only from a server that is gone. */
export const SURELY_DEAD_MS = 900;
/** Long enough for several packets of a line that lives. */
export const SIGN_OF_LIFE_MS = 300;

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
