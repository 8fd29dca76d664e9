// Plurals, dates and times in every language, as people read them.
import test from "node:test";
import assert from "node:assert/strict";
import en from "../locales/en.json";
import lb from "../locales/lb.json";
import fr from "../locales/fr.json";
import { makeText, pickLanguage } from "../src/core/text";

test("english_counts_one_and_many", () => {
  const text = makeText("en", en);
  assert.equal(text.count("waiting.before", 1), "1 person is before you.");
  assert.equal(text.count("waiting.before", 3), "3 people are before you.");
});

test("luxembourgish_dates_need_no_help_from_the_browser", () => {
  const text = makeText("lb", lb);
  assert.equal(text.day("2026-11-23T08:30:00.000Z", "Europe/Luxembourg"), "Méindeg, 23. November");
  assert.equal(text.time("2026-11-23T08:30:00.000Z", "Europe/Luxembourg"), "09:30");
  assert.equal(text.count("waiting.before", 1), "1 Persoun ass virun Iech drun.");
});

test("times_are_those_of_the_service_not_of_the_reader", () => {
  const text = makeText("fr", fr);
  assert.equal(text.time("2026-07-01T07:00:00.000Z", "Europe/Luxembourg"), "09:00");
  assert.equal(text.time("2026-07-01T07:00:00.000Z", "America/New_York"), "03:00");
});

test("the_first_wish_that_is_spoken_here_wins", () => {
  assert.equal(pickLanguage(undefined, "de-AT", "fr"), "de");
  assert.equal(pickLanguage("pt", "lb"), "lb");
  assert.equal(pickLanguage("pt"), "en");
});
