// A picture under a lid: its rate, and when it is not sent at all.
import test from "node:test";
import assert from "node:assert/strict";
import { encodingUnder, layersUnder } from "../src/core/encoding";

const MOST = 1_800_000;
const under = (lid: number | null) => encodingUnder(lid, MOST);
const full = { active: true, maxBitrate: MOST, scaleResolutionDownBy: 1 };

test("without_a_lid_a_picture_is_at_its_best", () => {
  assert.deepEqual(under(null), full);
  assert.deepEqual(under(3_000_000), full);
});

test("what_nobody_can_receive_is_not_sent", () => {
  assert.equal(under(0).active, false);
});

test("the_rate_fits_under_the_lid_with_its_headers_and_the_size_stays", () => {
  assert.deepEqual(under(100_000), { ...full, maxBitrate: 78_000 });
  assert.deepEqual(under(300_000), { ...full, maxBitrate: 266_000 });
  assert.equal(under(10_000).maxBitrate, 30_000);
});

test("with_several_encodings_the_best_takes_what_the_lid_leaves_and_what_does_not_fit_rests", () => {
  const layers = [
    { scaleResolutionDownBy: 4, maxBitrate: 60_000 },
    { scaleResolutionDownBy: 2, maxBitrate: 350_000 },
    { scaleResolutionDownBy: 1, maxBitrate: 1_800_000 },
  ];
  const active = (lid: number | null) => layersUnder(lid, null, layers).map((encoding) => encoding.active);
  assert.deepEqual(active(null), [true, true, true]);
  assert.deepEqual(active(1_000_000), [true, true, true]);
  assert.deepEqual(active(360_000), [true, true, false]);
  assert.deepEqual(active(65_000), [true, false, false]);
  assert.deepEqual(active(0), [false, false, false]);
  const under = layersUnder(1_000_000, null, layers);
  assert.deepEqual(under.map((encoding) => encoding.scaleResolutionDownBy), [4, 2, 1], "the sizes stay");
  assert.ok(under[2]!.maxBitrate < 1_000_000 && under[2]!.maxBitrate > 800_000 && under[1]!.maxBitrate === 350_000);
});

test("the_small_encoding_follows_the_narrow_lines_and_the_large_one_does_not", () => {
  const layers = [{ scaleResolutionDownBy: 3, maxBitrate: 160_000 }, { scaleResolutionDownBy: 1, maxBitrate: 1_800_000 }];
  assert.deepEqual(layersUnder(null, 68_000, layers), [{ active: true, maxBitrate: 47_920, scaleResolutionDownBy: 3 }, { active: true, maxBitrate: 1_800_000, scaleResolutionDownBy: 1 }]);
  assert.deepEqual(layersUnder(0, 68_000, layers).map((encoding) => encoding.active), [false, false], "nobody receives any");
});
