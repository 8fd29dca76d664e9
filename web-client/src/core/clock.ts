// Time and chance as arguments, so that tests drive them.

export interface Clock {
  /** Milliseconds that never jump. */
  now(): number;
  /** 0 ≤ x < 1. */
  random(): number;
  after(ms: number, run: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  random: () => Math.random(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
