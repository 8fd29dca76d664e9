// A picture under a lid: its rate, and when it is not sent at all.
import test from "node:test";
import assert from "node:assert/strict";
import { encodingUnder } from "../src/core/encoding";

const MOST = 1_800_000;

test("without_a_lid_a_picture_is_at_its_best", () => {
  assert.deepEqual(encodingUnder(null, MOST), { active: true, maxBitrate: MOST });
  assert.deepEqual(encodingUnder(3_000_000, MOST), { active: true, maxBitrate: MOST });
});

test("what_nobody_can_receive_is_not_sent", () => {
  assert.equal(encodingUnder(0, MOST).active, false);
});

test("the_rate_fits_under_the_lid_with_its_headers", () => {
  assert.deepEqual(encodingUnder(100_000, MOST), { active: true, maxBitrate: 78_000 });
  assert.deepEqual(encodingUnder(300_000, MOST), { active: true, maxBitrate: 266_000 });
  assert.equal(encodingUnder(10_000, MOST).maxBitrate, 30_000);
});
