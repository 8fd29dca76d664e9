// Sending documents: one after the other, nothing that cannot fit, stopped on a wish, told when it fails.
import test from "node:test";
import assert from "node:assert/strict";
import { CitizenDocuments } from "../src/core/documents";

/** What the server would say; each upload waits until the test ends it. */
class FakeUpload {
  static all: FakeUpload[] = [];
  upload: { onprogress?: (event: object) => void } = {};
  responseType = "";
  status = 0;
  response: unknown;
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  url = "";
  open(_: string, url: string) { this.url = url; }
  setRequestHeader() {}
  getResponseHeader() { return null; }
  send() { FakeUpload.all.push(this); }
  abort() { this.onabort?.(); }
  answer(status: number, response: unknown) {
    this.status = status;
    this.response = response;
    this.onload?.();
  }
}

const told = { may_change: true, count_left: 3, bytes_left: 1_000, documents: [] as object[] };

async function documents(): Promise<CitizenDocuments> {
  FakeUpload.all = [];
  Object.assign(globalThis, { XMLHttpRequest: FakeUpload, fetch: async () => new Response(JSON.stringify(told), { status: 200, headers: { "Content-Type": "application/json" } }) });
  const made = new CitizenDocuments();
  await made.load();
  return made;
}

const file = (name: string, size: number) => ({ name, size }) as File;
const settled = () => new Promise((done) => setTimeout(done, 0));

test("documents_go_one_after_the_other_and_say_how_far_they_are", async () => {
  const made = await documents();
  made.send([file("one.pdf", 10), file("two & three.pdf", 10)]);
  assert.equal(FakeUpload.all.length, 1);
  FakeUpload.all[0]!.upload.onprogress?.({ lengthComputable: true, loaded: 5, total: 10 });
  assert.deepEqual(made.get().sending.map((one) => one.part), [0.5, 0]);
  FakeUpload.all[0]!.answer(201, { id: "1" });
  await settled();
  assert.equal(made.get().arrived, "one.pdf");
  assert.deepEqual(made.get().sending.map((one) => one.name), ["two & three.pdf"]);
  assert.equal(FakeUpload.all[1]!.url, "/api/v1/link/documents?kind=document&name=two%20%26%20three.pdf");
});

test("what_cannot_fit_is_said_without_sending_it", async () => {
  const made = await documents();
  made.send([file("large.pdf", 1_001), file("a.pdf", 600), file("b.pdf", 600), file("c.pdf", 1), file("d.pdf", 1), file("e.pdf", 1)]);
  assert.deepEqual(made.get().sending.map((one) => one.problem), ["too_large", undefined, "too_large", undefined, undefined, "too_many_documents"]);
  assert.equal(FakeUpload.all.length, 1);
});

test("a_refused_document_says_why_and_the_next_one_goes_on", async () => {
  const made = await documents();
  made.send([file("page.pdf", 10), file("good.pdf", 10)]);
  FakeUpload.all[0]!.answer(415, { error: { code: "unfit_document", message: "" } });
  await settled();
  assert.deepEqual(made.get().sending.map((one) => one.problem), ["unfit_document", undefined]);
  assert.equal(FakeUpload.all.length, 2);
  made.cancel(made.get().sending[0]!.key);
  assert.deepEqual(made.get().sending.map((one) => one.name), ["good.pdf"]);
});

test("a_stopped_document_leaves_the_list_without_a_complaint", async () => {
  const made = await documents();
  made.send([file("one.pdf", 10)]);
  made.cancel(made.get().sending[0]!.key);
  await settled();
  assert.deepEqual(made.get().sending, []);
});

test("what_did_not_get_through_is_tried_again_on_a_wish_and_what_the_server_does_not_want_is_not", async () => {
  const made = await documents();
  const there: string[] = [];
  made.send([file("a.pdf", 1)], ({ name }) => there.push(name));
  FakeUpload.all[0]!.onerror?.();
  await settled();
  const [failed] = made.get().sending;
  assert.deepEqual([failed!.problem, failed!.again], ["unreachable", true]);
  made.again(failed!.key);
  FakeUpload.all[1]!.answer(201, { id: "1" });
  await settled();
  assert.deepEqual([there, made.get().sending], [["a.pdf"], []]);
  made.send([file("b.exe", 1)]);
  FakeUpload.all[2]!.answer(415, { error: { code: "unfit_document" } });
  await settled();
  assert.deepEqual(made.get().sending.map(({ problem, again }) => [problem, again]), [["unfit_document", false]]);
});
