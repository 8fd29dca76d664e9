// Small helpers of every case: waiting with an end, checking with a reason.

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until the answer is truthy; the failure says what was waited for and what came last.
 * An error marked `final` ends it at once. */
export async function until(what, ask, seconds = 20, everyMs = 100) {
  const end = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      last = await limited(ask(), 10_000);
      if (last) return last;
    } catch (error) {
      if (error.final) throw error;
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`waited ${seconds} s for: ${what} (last: ${JSON.stringify(last)})`);
    await sleep(everyMs);
  }
}

/** A promise that fails after `ms`. */
export function limited(promise, ms, what = 'an answer') {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no ${what} in ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}
