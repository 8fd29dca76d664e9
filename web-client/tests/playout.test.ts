// When received frames are held back, and when no longer.
import test from "node:test";
import assert from "node:assert/strict";
import { CALM_MS, HOLD_MS, LONGER_MS, LONGEST_MS, Playout } from "../src/core/playout";

/** A reading each half second, `perSecond` questions each second; answers the last word. */
function fed(playout: Playout, perSecond: number, from: number, to: number, base = 0, freezes = 0): number | null {
  let last: number | null = null;
  for (let at = from; at <= to; at += 500) last = playout.reading({ questions: base + Math.floor(((at - from) / 1000) * perSecond), freezes }, at);
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
  assert.equal(playout.reading({ questions: 20, freezes: 0 }, 5_000 + CALM_MS / 2), HOLD_MS);
  assert.equal(playout.reading({ questions: 20, freezes: 0 }, 10_500 + CALM_MS), null);
});

test("a_new_transport_that_counts_from_zero_is_not_taken_for_losses", () => {
  const playout = new Playout();
  playout.reading({ questions: 1, freezes: 0 }, 0);
  assert.equal(playout.reading({ questions: 0, freezes: 0 }, 500), null);
  assert.equal(playout.reading({ questions: 2, freezes: 0 }, 1_000), null);
});

test("a_picture_that_freezes_on_a_line_that_loses_is_held_back_longer_and_less_again_later", () => {
  const playout = new Playout();
  fed(playout, 4, 0, 10_000);
  assert.equal(fed(playout, 4, 10_500, 11_000, 42, 1), HOLD_MS + LONGER_MS);
  assert.equal(fed(playout, 4, 11_500, 12_000, 46, 2), HOLD_MS + LONGER_MS, "the longer hold has not shown what it is good for yet");
  for (let n = 0; n < 10; n++) fed(playout, 4, 20_000 + n * 5_000, 24_500 + n * 5_000, 100 + n * 20, 3 + n);
  assert.equal(fed(playout, 4, 70_000, 75_000, 300, 13), LONGEST_MS);
  assert.equal(fed(playout, 4, 75_500, 75_000 + 2 * CALM_MS, 322, 13), LONGEST_MS - LONGER_MS);
});

test("a_freeze_without_losses_holds_nothing", () => {
  const playout = new Playout();
  fed(playout, 0, 0, 5_000);
  assert.equal(fed(playout, 0, 5_500, 20_000, 0, 3), null);
});
