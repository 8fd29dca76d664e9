// Days of a zone, over both changes of the clock.
import test from "node:test";
import assert from "node:assert/strict";
import { addDays, beginning, dayIn } from "../src/core/zone";

const LUXEMBOURG = "Europe/Luxembourg";

test("a_moment_lies_in_the_day_of_the_zone", () => {
  assert.equal(dayIn(LUXEMBOURG, Date.parse("2026-11-25T22:59:59Z")), "2026-11-25");
  assert.equal(dayIn(LUXEMBOURG, Date.parse("2026-11-25T23:00:00Z")), "2026-11-26");
  assert.equal(dayIn("America/New_York", Date.parse("2026-11-26T04:59:00Z")), "2026-11-25");
});

test("a_day_begins_when_the_wall_says_so_also_when_the_clock_is_changed", () => {
  const begins = (zone: string, day: string) => new Date(beginning(zone, day)).toISOString().slice(0, 16);
  assert.equal(begins(LUXEMBOURG, "2026-11-26"), "2026-11-25T23:00");
  assert.equal(begins(LUXEMBOURG, "2026-07-01"), "2026-06-30T22:00");
  assert.equal(begins(LUXEMBOURG, "2026-03-29"), "2026-03-28T23:00");
  assert.equal(begins(LUXEMBOURG, "2026-03-30"), "2026-03-29T22:00");
  assert.equal(begins(LUXEMBOURG, "2026-10-25"), "2026-10-24T22:00");
  assert.equal(begins(LUXEMBOURG, "2026-10-26"), "2026-10-25T23:00");
  assert.equal(begins("Asia/Kolkata", "2026-11-26"), "2026-11-25T18:30");
  assert.equal(begins("America/New_York", "2026-11-01"), "2026-11-01T04:00");
});

test("days_are_counted_over_months_and_years", () => {
  assert.equal(addDays("2026-12-30", 3), "2027-01-02");
  assert.equal(addDays("2026-03-28", 2), "2026-03-30");
});
