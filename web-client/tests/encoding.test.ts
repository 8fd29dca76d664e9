// A picture under a lid: its rate, its size, and when it is not sent at all.
import test from "node:test";
import assert from "node:assert/strict";
import { encodingUnder, layersUnder, type Encoding } from "../src/core/encoding";

const MOST = 1_800_000;
const full: Encoding = { active: true, maxBitrate: MOST, scaleResolutionDownBy: 1 };
const under = (lid: number | null, before = full, height: number | undefined = 720) => encodingUnder(lid, MOST, height, before);

test("without_a_lid_a_picture_is_at_its_best", () => {
  assert.deepEqual(under(null, { active: false, maxBitrate: 30_000, scaleResolutionDownBy: 4 }), full);
  assert.deepEqual(under(3_000_000), full);
});

test("what_nobody_can_receive_is_not_sent", () => {
  assert.deepEqual(under(0), { ...full, active: false });
});

test("rate_and_size_fit_under_the_lid_with_its_headers", () => {
  assert.deepEqual(under(100_000), { active: true, maxBitrate: 78_000, scaleResolutionDownBy: 4 });
  assert.deepEqual(under(300_000), { active: true, maxBitrate: 266_000, scaleResolutionDownBy: 2 });
  assert.equal(under(10_000).maxBitrate, 30_000);
  assert.equal(under(100_000, full, 360).scaleResolutionDownBy, 2);
  assert.equal(under(100_000, full, 120).scaleResolutionDownBy, 1, "never larger than it is");
});

test("a_larger_size_comes_back_well_above_its_bound_and_at_once_after_a_rest", () => {
  const small = under(140_000);
  assert.equal(under(160_000, small).scaleResolutionDownBy, 4);
  assert.equal(under(181_000, small).scaleResolutionDownBy, 2);
  assert.equal(under(1_500_000, small).scaleResolutionDownBy, 1);
  assert.equal(under(160_000, { ...small, active: false }).scaleResolutionDownBy, 2);
  assert.equal(under(140_000).scaleResolutionDownBy, 4, "down at once");
});

test("a_document_keeps_its_size", () => {
  assert.deepEqual(encodingUnder(100_000, 2_500_000, undefined, full), { active: true, maxBitrate: 78_000, scaleResolutionDownBy: 1 });
});

test("with_several_encodings_the_best_takes_what_the_lid_leaves_and_what_does_not_fit_rests", () => {
  const layers = [
    { scaleResolutionDownBy: 4, maxBitrate: 60_000 },
    { scaleResolutionDownBy: 2, maxBitrate: 350_000 },
    { scaleResolutionDownBy: 1, maxBitrate: 1_800_000 },
  ];
  const active = (lid: number | null) => layersUnder(lid, layers).map((encoding) => encoding.active);
  assert.deepEqual(active(null), [true, true, true]);
  assert.deepEqual(active(1_000_000), [true, true, true]);
  assert.deepEqual(active(360_000), [true, true, false]);
  assert.deepEqual(active(65_000), [true, false, false]);
  assert.deepEqual(active(0), [false, false, false]);
  const under = layersUnder(1_000_000, layers);
  assert.deepEqual(under.map((encoding) => encoding.scaleResolutionDownBy), [4, 2, 1], "the sizes stay");
  assert.ok(under[2]!.maxBitrate < 1_000_000 && under[2]!.maxBitrate > 800_000 && under[1]!.maxBitrate === 350_000);
});
