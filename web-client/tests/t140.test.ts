// What typing and erasing do at the two ends: they always end with the same text.
import test from "node:test";
import assert from "node:assert/strict";
import { boundaryBefore } from "../src/core/graphemes";
import { AGAIN, applied, BACKSPACE, fit, readBlock, typed, written } from "../src/core/t140";

const FAMILY = "👨\u200d👩\u200d👧";

test("one erasure erases one code point, and an edit erases whole characters of who typed it", () => {
  assert.equal(typed("abc", "ab"), BACKSPACE);
  assert.equal(typed("a😀", "a"), BACKSPACE);
  assert.equal(typed(`a${FAMILY}`, "a"), BACKSPACE.repeat(5));
  // One member of the family goes: all of it is typed anew, so that nobody sees half a character for longer than a block.
  assert.equal(typed(FAMILY, "👨\u200d👩"), `${BACKSPACE.repeat(5)}👨\u200d👩`);
  assert.equal(typed("hello world", "hallo world"), `${BACKSPACE.repeat(10)}allo world`);
  assert.equal(typed("e", "e\u0301"), `${BACKSPACE}e\u0301`);
  assert.equal(typed("", "مرحبا"), "مرحبا");
});

test("what a reader holds is what was typed, whatever is edited where", () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  const letters = ["a", "é", "e\u0301", "ж", "ب", " ", "👍🏿", FAMILY, "🇱🇺", "🏳️\u200d🌈", "\u200d", "️"];
  for (let round = 0; round < 300; round++) {
    let [own, other] = ["", ""];
    for (let step = 0; step < 40; step++) {
      const at = random(own.length + 1);
      const next = fit(random(3) === 0 ? own.slice(0, at) + own.slice(Math.min(own.length, at + 1 + random(3))) : own.slice(0, at) + letters[random(letters.length)]! + own.slice(at));
      other = applied(other, typed(own, next)).line;
      own = next;
      assert.equal(other, own);
    }
  }
});

test("a new line completes the line, and erasing does not reach behind it", () => {
  assert.deepEqual(applied("ab", "c\u2028d\b\b\be"), { complete: ["abc"], line: "e" });
});

test("blocks are read, and what is none is not", () => {
  assert.deepEqual(readBlock(`\u00983 0000002a 17\u009cx${BACKSPACE}`), { by: 3, epoch: "0000002a", position: 17, text: `x${BACKSPACE}` });
  assert.equal(readBlock(AGAIN), "again");
  assert.equal(written("0000002a", 17, "x"), "\u00980000002a 17\u009cx");
  for (const bad of ["", "x", "\u0098x\u009c", "\u009899999 0000002a 1\u009cx", "\u00983 2A 1\u009cx"]) assert.equal(readBlock(bad), undefined, bad);
});

test("without Intl.Segmenter characters are told apart all the same", () => {
  const text = `a${FAMILY}🇱🇺🇫🇷e\u0301👍🏿z`;
  for (let at = 0; at <= text.length; at++) assert.equal(boundaryBefore(text, at, null), boundaryBefore(text, at), `${at}`);
});

test("what is typed is fit to be sent", () => {
  assert.equal(fit("a\u0000b\u2028c\nd\u0098e\ud800f"), "a b c d e\ufffdf");
  assert.equal(fit("tab\tis text 😀"), "tab\tis text 😀");
});
