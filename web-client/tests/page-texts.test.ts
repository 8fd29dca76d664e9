// Which texts a page's bundle can ask for.
import test from "node:test";
import assert from "node:assert/strict";
import { keysIn } from "../build/page-texts.mjs";
import { missingStyle } from "../build/page-style.mjs";

const keys = ["bar.help", "guest.kind_doctor", "guest.kind_family", "waiting.before.one", "waiting.before.other", "waiting.title"];

test("a_page_brings_the_texts_that_it_names", () => {
  assert.deepEqual(keysIn(`t("bar.help")`, keys), ["bar.help"]);
  assert.deepEqual(keysIn("t('waiting.title')", keys), ["waiting.title"]);
  assert.deepEqual(keysIn(`t("bar.helpful")`, keys), []);
});

test("a_text_with_a_number_brings_both_of_its_forms", () => {
  assert.deepEqual(keysIn(`t.count("waiting.before",n)`, keys), ["waiting.before.one", "waiting.before.other"]);
});

test("a_text_put_together_brings_all_that_begin_so", () => {
  assert.deepEqual(keysIn("t(`guest.kind_${k}`)", keys), ["guest.kind_doctor", "guest.kind_family"]);
  assert.deepEqual(keysIn("t(`${k}.title`)", keys), []);
});

test("a_page_that_uses_a_class_without_its_sheet_is_told", () => {
  assert.deepEqual(missingStyle(`h("div",{class:"tile"})`, ".page{}"), [["tile", "call.css"]]);
  assert.deepEqual(missingStyle("h('div',{class:`tile ${people}`})", ".tile{}"), []);
});
