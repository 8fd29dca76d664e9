// The steps of a booking, what each needs, and the weeks in which slots are looked for.
import test from "node:test";
import assert from "node:assert/strict";
import { after, before, emptyDraft, faultsOf, fieldIn, isPhone, needsCopy, reachable, stepsOf, type Draft } from "../src/core/booking-steps";
import { missingOf } from "../src/core/callback";
import { HEAD_BYTES, contentOf, faultOf, unfitBeside, type ChosenFile } from "../src/core/chosen-files";
import type { BookableService } from "../src/core/protocol";
import { SlotFinder, byDay } from "../src/core/slot-finder";

const service = (key: string): BookableService => ({
  key, names: { en: key }, helpdesk_phone: "", time_zone: "Europe/Luxembourg", slot_minutes: 20, book_ahead_days: 20, public_booking: true, identity_check: "never", document_count: 15, document_bytes: 20_000_000,
  topics: [{ key: "care", names: { en: "Care" }, by_video: true }, { key: "cheques", names: { en: "Cheques" }, by_video: false }],
});
const one = [service("advice")], two = [service("advice"), service("tax")];
const slot = (start: string) => ({ start, end: start, places: 1 });
const full: Draft = { ...emptyDraft("a"), consent: true, service: "advice", topic: "care", slot: slot("2026-11-26T07:30:00.000Z"), name: "Clara", email: "clara@example.lu" };

test("where_there_is_one_service_nobody_is_asked_which", () => {
  assert.deepEqual(stepsOf(one, {}), ["consent", "topic", "time", "details", "documents", "review"]);
  assert.deepEqual(stepsOf(two, { service: "tax" }), ["service", "consent", "topic", "time", "details", "documents", "review"]);
});

test("no_step_is_reached_before_those_before_it_have_what_they_ask_for", () => {
  assert.equal(reachable("review", emptyDraft("a"), one), "consent");
  assert.equal(reachable("review", emptyDraft("a"), two), "service");
  assert.equal(reachable("review", full, two), "review");
  assert.equal(reachable("review", { ...full, topic: "cheques" }, one), "topic", "not by video");
  assert.equal(reachable("review", { ...full, topic: "weather" }, one), "topic");
  assert.equal(reachable("review", { ...full, slot: undefined }, one), "time");
  assert.equal(reachable("review", { ...full, email: "clara" }, one), "details");
  assert.equal(reachable("time", { ...full, email: "" }, one), "time", "later steps do not matter");
  assert.equal(reachable("service", full, one), "consent");
});

test("after_a_step_comes_the_next_one_and_after_the_review_was_seen_the_review", () => {
  assert.equal(after("consent", full, one), "topic");
  assert.equal(after("details", full, one), "documents");
  assert.equal(after("documents", full, one), "review");
  assert.equal(after("topic", { ...full, reviewed: true }, one), "review");
  assert.equal(after("topic", { ...full, reviewed: true, slot: undefined }, one), "time");
  assert.equal(before("consent", one, full), undefined);
  assert.equal(before("consent", two, full), "service");
});

test("what_the_server_would_refuse_is_said_before", () => {
  assert.deepEqual(faultsOf(full), {});
  assert.deepEqual(faultsOf(emptyDraft("a")), { name: "missing", email: "missing" });
  assert.deepEqual(faultsOf({ ...full, name: "x".repeat(101), email: "clara@example", phone: "mine", note: "é".repeat(1_001) }),
    { name: "too_long", email: "not_an_address", phone: "not_a_number", note: "too_long" });
  for (const good of ["a@b.lu", " clara+video@mail.example.lu ", "jos.müller@exämple.lu"]) assert.deepEqual(faultsOf({ ...full, email: good }), {}, good);
  for (const bad of ["a b@c.lu", "a@b@c.lu", "<a@b.lu>", "a,b@c.lu"]) assert.equal(faultsOf({ ...full, email: bad }).email, "not_an_address", bad);
  assert.ok(isPhone("00352/27-123") && isPhone("112") && !isPhone("12") && !isPhone("call me"));
});

test("a_refusal_of_the_server_leads_to_its_field", () => {
  assert.equal(fieldIn("email: not an address like name@example.lu"), "email");
  assert.equal(fieldIn("start: not a slot of this service"), "start");
  assert.equal(fieldIn("language: one of en, fr, de, lb"), undefined);
});

test("a_call_back_needs_a_reason_a_time_a_name_a_phone_and_a_yes", () => {
  assert.deepEqual(missingOf({ words: "", name: " ", phone: "x", email: "x", consent: false }), ["reason", "time", "callback_name", "callback_phone", "callback_email", "callback_consent"]);
  assert.deepEqual(missingOf({ reason: "question", words: "", start: "2026-11-26T07:30:00.000Z", name: "Jos", phone: "621 000 001", email: "", consent: true }), []);
});

test("slots_stand_under_the_day_of_the_service_and_full_days_among_them", () => {
  const days = byDay("Europe/Luxembourg", [slot("2026-11-25T23:30:00.000Z"), slot("2026-11-27T07:30:00.000Z")], ["2026-11-25"]);
  assert.deepEqual(days.map(({ day, slots }) => [day, slots.length]), [["2026-11-25", 0], ["2026-11-26", 1], ["2026-11-27", 1]]);
});

/** A server whose only free slots are these; answers which times were asked for. */
function serving(free: string[]): { asked: string[]; stop(): void } {
  const asked: string[] = [];
  const kept = globalThis.fetch;
  globalThis.fetch = (async (url: string) => {
    const query = new URL(url, "http://x").searchParams;
    const [from, to] = [query.get("from")!, query.get("to")!];
    asked.push(from);
    const slots = free.filter((start) => from <= start && start < to).map(slot);
    return new Response(JSON.stringify({ slots, full_days: [] }), { headers: { "Content-Type": "application/json" } });
  }) as typeof fetch;
  return { asked, stop: () => { globalThis.fetch = kept; } };
}

test("the_first_week_with_something_free_is_shown_and_its_first_slot_offered", async () => {
  const server = serving(["2026-12-04T07:30:00.000Z", "2026-12-04T07:50:00.000Z"]);
  try {
    const finder = new SlotFinder(() => Date.parse("2026-11-26T09:00:00Z"));
    await finder.find(service("advice"));
    const { week, next, days, none, isLast } = finder.get();
    assert.deepEqual([week, next?.start, days[0]?.slots.length, none, isLast], [1, "2026-12-04T07:30:00.000Z", 2, false, false]);
    assert.deepEqual(server.asked, ["2026-11-25T23:00:00.000Z", "2026-12-02T23:00:00.000Z"]);
    await finder.later();
    assert.deepEqual([finder.get().week, finder.get().days.length, finder.get().isLast, finder.get().next?.start], [2, 0, true, "2026-12-04T07:30:00.000Z"]);
    await finder.earlier();
    assert.equal(finder.get().days[0]?.day, "2026-12-04");
  } finally {
    server.stop();
  }
});

test("where_nothing_is_free_until_the_end_that_is_said", async () => {
  const server = serving([]);
  try {
    const finder = new SlotFinder(() => Date.parse("2026-11-26T09:00:00Z"));
    await finder.find(service("advice"));
    assert.deepEqual([finder.get().none, server.asked.length], [true, 3]);
  } finally {
    server.stop();
  }
});

const card: ChosenFile = { id: "c", kind: "identity_copy", name: "card.jpg", size: 1_000_000 };
const document = (size: number): ChosenFile => ({ id: String(size), kind: "document", name: "x.pdf", size });

test("the_copy_of_the_card_is_a_step_where_the_service_asks_for_it_and_none_goes_on_without", () => {
  const [never, asked, always] = (["never", "unauthenticated", "always"] as const).map((identity_check) => ({ ...service("advice"), identity_check }));
  assert.equal(stepsOf([never!], {}).includes("identity"), false);
  for (const of of [asked!, always!]) {
    assert.deepEqual(stepsOf([of], {}).slice(-3), ["identity", "documents", "review"]);
    assert.equal(reachable("review", full, [of]), "identity");
    assert.equal(reachable("review", { ...full, files: [card] }, [of]), "review");
    assert.equal(reachable("review", { ...full, files: [{ ...card, lost: true }] }, [of]), "identity", "a reload lost it");
    assert.equal(reachable("review", { ...full, files: [document(1)] }, [of]), "identity", "another document is no card");
  }
  assert.deepEqual([needsCopy(asked, true), needsCopy(always, true)], [false, true], "who signed in brings none, unless everybody does");
  assert.equal(reachable("review", { ...full, files: [{ ...document(1), lost: true }] }, [never!]), "documents", "lost ones are chosen again or taken out");
  assert.equal(stepsOf([{ ...never!, document_count: 0 }], {}).includes("documents"), false);
});

test("a_file_is_told_by_its_first_bytes_and_a_card_is_one_that_every_browser_shows", () => {
  const head = (text: string) => Uint8Array.from([...text.padEnd(HEAD_BYTES, " ")], (letter) => letter.charCodeAt(0));
  const told = ["%PDF-1.7", "\xff\xd8\xff\xe0", "\x89PNG\r\n\x1a\n", "\0\0\0 ftypheic", "II*\0", "PK\x03\x04", "<svg xmlns", "MZ"].map((text) => contentOf(head(text)));
  assert.deepEqual(told, ["pdf", "jpeg", "png", "heic", "tiff", "package", undefined, undefined]);
  assert.equal(contentOf(new Uint8Array()), undefined);
  assert.deepEqual(told.map((content) => faultOf("identity_copy", content)), [undefined, undefined, undefined, ...Array(5).fill("unfit_card")]);
  assert.deepEqual(told.map((content) => faultOf("document", content)), [...Array(6).fill(undefined), "unfit_document", "unfit_document"]);
});

test("fifteen_files_and_twenty_megabytes_in_all_and_a_new_card_takes_the_place_of_the_old_one", () => {
  const of = service("advice");
  assert.equal(unfitBeside([], "document", 20_000_000, of), undefined);
  assert.equal(unfitBeside([], "document", 20_000_001, of), "too_large");
  assert.equal(unfitBeside([card], "document", 19_000_001, of), "too_large");
  assert.equal(unfitBeside([card], "identity_copy", 20_000_000, of), undefined);
  const fourteen = Array.from({ length: 14 }, (_, i) => document(i));
  assert.equal(unfitBeside([...fourteen, card], "document", 1, of), "too_many_documents");
  assert.equal(unfitBeside([...fourteen, card], "identity_copy", 1, of), undefined);
});
