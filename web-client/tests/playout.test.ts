// When received frames are held back, and when no longer.
import test from "node:test";
import assert from "node:assert/strict";
import { CALM_MS, HOLD_MS, Playout } from "../src/core/playout";

/** A reading each half second, `perSecond` questions each second; answers the last word. */
function fed(playout: Playout, perSecond: number, from: number, to: number, base = 0): number | null {
  let last: number | null = null;
  for (let at = from; at <= to; at += 500) last = playout.reading(base + Math.floor(((at - from) / 1000) * perSecond), at);
  return last;
}

test("frames_are_not_held_on_a_line_that_loses_nothing", () => {
  assert.equal(fed(new Playout(), 0, 0, 60_000), null);
});

test("a_packet_lost_now_and_then_holds_nothing", () => {
  assert.equal(fed(new Playout(), 0.2, 0, 60_000), null);
});

test("a_line_that_loses_for_some_seconds_holds_frames_for_a_repair", () => {
  assert.equal(fed(new Playout(), 4, 0, 3_000), HOLD_MS);
});

test("calm_after_losses_lets_frames_go_again", () => {
  const playout = new Playout();
  fed(playout, 4, 0, 5_000);
  assert.equal(playout.reading(20, 5_000 + CALM_MS / 2), HOLD_MS);
  assert.equal(playout.reading(20, 10_500 + CALM_MS), null);
});

test("a_new_transport_that_counts_from_zero_is_not_taken_for_losses", () => {
  const playout = new Playout();
  playout.reading(1, 0);
  assert.equal(playout.reading(0, 500), null);
  assert.equal(playout.reading(2, 1_000), null);
});
