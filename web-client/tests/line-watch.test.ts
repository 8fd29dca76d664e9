// When a silent line restarts its path, and when it needs a new transport.
import test from "node:test";
import assert from "node:assert/strict";
import { LineWatch, RESTART_GRACE_MS, SILENCE_MS } from "../src/core/line-watch";

/** Readings each 300 ms, growing until `silentFrom`. */
function watched(silentFrom: number, until: number): LineWatch {
  const watch = new LineWatch(0);
  for (let at = 0; at <= until; at += 300) watch.reading(at < silentFrom ? 100 + at : 100 + silentFrom, at);
  return watch;
}

test("a_line_on_which_packets_arrive_is_left_alone", () => {
  assert.equal(watched(Infinity, 60_000).remedy(60_000), "none");
});

test("more_than_a_second_of_silence_restarts_the_path_once", () => {
  const watch = watched(3_000, 6_000);
  assert.equal(watch.remedy(3_000 + SILENCE_MS - 100), "none");
  assert.equal(watch.remedy(3_300 + SILENCE_MS), "restart");
  assert.equal(watch.remedy(3_600 + SILENCE_MS), "none");
});

test("a_restart_that_does_not_help_is_followed_by_a_new_transport", () => {
  const watch = watched(3_000, 6_000);
  assert.equal(watch.remedy(5_000), "restart");
  assert.equal(watch.remedy(5_000 + RESTART_GRACE_MS), "replace");
});

test("after_packets_came_again_the_next_silence_begins_with_a_restart", () => {
  const watch = watched(3_000, 6_000);
  assert.equal(watch.remedy(5_000), "restart");
  watch.reading(1_000_000, 5_500);
  assert.equal(watch.remedy(5_600), "none");
  assert.equal(watch.remedy(5_500 + RESTART_GRACE_MS + SILENCE_MS), "restart");
});

test("what_the_browser_reports_is_not_waited_out", () => {
  assert.equal(watched(Infinity, 3_000).remedy(3_000, true), "restart");
});

test("the_first_reading_is_no_sign_of_life", () => {
  const watch = new LineWatch(0);
  watch.reading(5_000, 1_000);
  assert.equal(watch.silentMs(1_000), 1_000);
});
