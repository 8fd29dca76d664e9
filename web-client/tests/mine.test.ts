// What a provider wrote into the address of who comes back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cameBack } from "../src/core/came-back";
import { reachable, stepsOf, type Draft } from "../src/core/booking-steps";
import type { BookableService, IdentityCheck } from "../src/core/protocol";

test("what_a_provider_says_is_read_and_nothing_else", () => {
  assert.deepEqual(cameBack("?state=s&code=c&iss=https%3A%2F%2Fid.example.lu&session_state=x"), { state: "s", code: "c", iss: "https://id.example.lu" });
  assert.deepEqual(cameBack("?error=access_denied&error_description=no&state=s"), { state: "s", error: "access_denied" });
});

test("who_only_opened_the_page_did_not_come_back", () => {
  for (const search of ["", "?", "?code=c", "?state=&code=c"]) assert.equal(cameBack(search), undefined, search);
});

test("a_signed_in_citizen_still_gives_an_address", () => {
  const draft: Draft = { consent: true, authenticated: true, topic: "care", slot: { start: "", end: "", places: 1 }, name: "Clara Weber", email: "", phone: "", note: "", files: [], reviewed: true, attempt: "" };
  const topics = [{ key: "care", names: {}, by_video: true }];
  const service = { key: "advice", names: {}, helpdesk_phone: "", time_zone: "UTC", slot_minutes: 20, book_ahead_days: 60, public_booking: true, identity_check: "unauthenticated" as const, document_count: 15, document_bytes: 20_000_000, topics };
  assert.equal(reachable("review", draft, [service]), "details");
});

test("a_signed_in_citizen_is_asked_for_no_copy_of_the_card_unless_everybody_is", () => {
  const service = (identity_check: IdentityCheck): BookableService[] => [{ key: "advice", names: {}, helpdesk_phone: "", time_zone: "UTC", slot_minutes: 20, book_ahead_days: 60, public_booking: true, identity_check, document_count: 15, document_bytes: 20_000_000, topics: [] }];
  const asked = (check: IdentityCheck, authenticated: boolean) => stepsOf(service(check), { authenticated }).includes("identity");
  assert.deepEqual([asked("unauthenticated", false), asked("unauthenticated", true)], [true, false]);
  assert.deepEqual([asked("always", true), asked("never", false)], [true, false]);
});
