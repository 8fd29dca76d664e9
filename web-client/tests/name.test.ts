// A name as the server takes it.
import test from "node:test";
import assert from "node:assert/strict";
import { fitName } from "../src/core/name";

test("what_is_not_seen_of_a_pasted_name_is_left_out", () => {
  assert.equal(fitName("\ufeff Inga \u202eInterpreter\u200b\t"), "Inga Interpreter");
  assert.equal(fitName(" \u200b "), "");
});

test("a_name_keeps_its_letters_and_what_joins_them", () => {
  assert.equal(fitName("Zoë D’Árbó  نام\u200cها"), "Zoë D’Árbó  نام\u200cها");
});
