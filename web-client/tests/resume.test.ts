// What an agent's page makes of the first messages after a reconnect.
import test from "node:test";
import assert from "node:assert/strict";
import { Resume } from "../src/core/resume";

test("a_seat_without_a_state_before_the_first_desk_is_gone", () => {
  const resume = new Resume();
  resume.greeted();
  resume.state("other");
  assert.equal(resume.desk("mine"), true);
});

test("a_seat_with_a_state_stays_and_later_desks_say_nothing_about_seats", () => {
  const resume = new Resume();
  resume.greeted();
  resume.state("mine");
  assert.equal(resume.desk("mine"), false);
  assert.equal(resume.desk("mine"), false);
  assert.equal(resume.desk("begun since"), false);
});

test("who_had_no_seat_loses_none", () => {
  const resume = new Resume();
  resume.greeted();
  assert.equal(resume.desk(undefined), false);
});
