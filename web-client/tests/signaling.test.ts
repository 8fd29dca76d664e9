// The WebSocket client against a socket that says what the test wants.
import test from "node:test";
import assert from "node:assert/strict";
import { RequestError, Signaling, type SignalingStatus, type SocketLike } from "../src/core/signaling";
import type { Pushed } from "../src/core/wire";
import { FakeClock, settle } from "./fake-clock";

class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: Record<string, unknown>[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  last(): Record<string, unknown> {
    return this.sent[this.sent.length - 1]!;
  }
  says(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  /** The server greets. */
  async greet(): Promise<void> {
    this.onopen?.(undefined as never);
    this.says({ type: "welcome", re: this.last()["id"], version: 1, server_time: "2026-11-23T08:12:30.000Z", heartbeat_ms: 5000 });
    await settle();
  }
}

function set() {
  const clock = new FakeClock();
  const sockets: FakeSocket[] = [];
  const statuses: SignalingStatus[] = [];
  const pushed: Pushed[] = [];
  const failures: number[] = [];
  const signaling = new Signaling({
    url: "wss://here/signaling/citizen", device: "device", clock,
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    onPushed: (message) => pushed.push(message),
    onStatus: (status) => statuses.push(status),
    onFailedAttempt: (count) => failures.push(count),
  });
  return { clock, sockets, statuses, pushed, failures, signaling, newest: () => sockets[sockets.length - 1]! };
}

test("the_first_word_is_hello_with_version_and_device", async () => {
  const { signaling, sockets, statuses } = set();
  signaling.start();
  sockets[0]!.onopen?.(undefined as never);
  assert.deepEqual(sockets[0]!.sent, [{ type: "hello", version: 1, device: "device", id: 1 }]);
  assert.deepEqual(statuses, ["connecting"]);
  await sockets[0]!.greet();
  assert.deepEqual(statuses, ["connecting", "ready"]);
});

test("an_answer_reaches_the_request_of_its_number_and_a_refusal_brings_its_code", async () => {
  const { signaling, newest } = set();
  signaling.start();
  await newest().greet();
  const arrive = signaling.request({ type: "arrive" });
  const first = newest().last()["id"] as number;
  const accept = signaling.request({ type: "accept", call: 3 });
  const second = newest().last()["id"] as number;
  newest().says({ type: "error", re: second, code: "call_gone", message: "" });
  newest().says({ type: "ok", re: first });
  assert.deepEqual(await arrive, { type: "ok", re: first });
  await assert.rejects(accept, (error: RequestError) => error.code === "call_gone");
});

test("a_lost_line_fails_what_waits_and_comes_back_at_once", async () => {
  const { signaling, sockets, statuses, newest } = set();
  signaling.start();
  await newest().greet();
  const arrive = signaling.request({ type: "arrive" });
  newest().onclose?.({ code: 1006 });
  await assert.rejects(arrive, (error: RequestError) => error.code === "offline");
  assert.equal(sockets.length, 2, "the second socket is opened without waiting");
  assert.equal(statuses[statuses.length - 1], "reconnecting");
  await newest().greet();
  assert.equal(statuses[statuses.length - 1], "ready");
});

test("a_server_that_is_away_is_tried_each_second_with_jitter", async () => {
  const { signaling, sockets, clock, newest, failures } = set();
  signaling.start();
  await newest().greet();
  newest().onclose?.({ code: 1001 });
  for (const [chance, wait] of [[0, 750], [0.5, 1000], [1, 1250]] as const) {
    clock.chance = chance;
    const before = sockets.length;
    newest().onclose?.({ code: 1006 });
    await clock.pass(wait - 1);
    assert.equal(sockets.length, before);
    await clock.pass(1);
    assert.equal(sockets.length, before + 1);
  }
  assert.deepEqual(failures, [2, 3, 4]);
});

test("an_overloaded_server_is_left_alone_for_two_to_five_seconds", async () => {
  const { signaling, sockets, clock, newest } = set();
  signaling.start();
  await newest().greet();
  clock.chance = 0;
  newest().onclose?.({ code: 1013 });
  await clock.pass(1_999);
  assert.equal(sockets.length, 1);
  await clock.pass(1);
  assert.equal(sockets.length, 2);
});

for (const [code, status] of [[1008, "refused"], [4001, "signed_out"], [4002, "replaced"]] as const) {
  test(`close_${code}_ends_it_as_${status}_without_another_try`, async () => {
    const { signaling, sockets, clock, newest, statuses } = set();
    signaling.start();
    await newest().greet();
    newest().onclose?.({ code });
    assert.equal(statuses[statuses.length - 1], status);
    await clock.pass(60_000);
    assert.equal(sockets.length, 1);
    assert.equal(clock.pending, 0, "no timer is left");
  });
}

test("a_beat_is_sent_every_five_seconds_and_three_without_an_answer_end_the_socket", async () => {
  const { signaling, sockets, clock, newest } = set();
  signaling.start();
  await newest().greet();
  const socket = newest();
  await clock.pass(5_000);
  assert.equal(socket.last()["type"], "ping");
  socket.says({ type: "pong", re: socket.last()["id"] });
  await clock.pass(5_000);
  assert.equal(socket.sent.filter((message) => message["type"] === "ping").length, 2);
  // The second beat is never answered: fifteen seconds after the last word the line is given up.
  await clock.pass(9_999);
  assert.equal(sockets.length, 1);
  await clock.pass(1);
  assert.equal(sockets.length, 2);
  assert.equal(socket.closed, true);
});

test("a_greeting_that_never_comes_is_not_waited_for", async () => {
  const { signaling, sockets, clock, newest } = set();
  signaling.start();
  newest().onopen?.(undefined as never);
  await clock.pass(8_000 + 1_250);
  assert.equal(sockets.length, 2);
});

test("a_probe_gives_up_a_silent_line_in_less_than_a_second", async () => {
  const { signaling, sockets, clock, newest } = set();
  signaling.start();
  await newest().greet();
  signaling.probe();
  signaling.probe();
  assert.equal(newest().sent.filter((message) => message["type"] === "ping").length, 1, "one probe at a time");
  await clock.pass(800);
  assert.equal(sockets.length, 2);
});

test("a_probe_that_is_answered_changes_nothing", async () => {
  const { signaling, sockets, clock, newest } = set();
  signaling.start();
  await newest().greet();
  signaling.probe();
  newest().says({ type: "pong", re: newest().last()["id"] });
  await clock.pass(4_000);
  assert.equal(sockets.length, 1);
});

test("a_probe_while_waiting_to_retry_tries_now", async () => {
  const { signaling, sockets, newest } = set();
  signaling.start();
  await newest().greet();
  newest().onclose?.({ code: 1006 });
  newest().onclose?.({ code: 1006 });
  assert.equal(sockets.length, 2);
  signaling.probe();
  assert.equal(sockets.length, 3);
});

test("words_of_an_old_socket_and_words_that_are_no_message_are_not_heard", async () => {
  const { signaling, sockets, newest, pushed } = set();
  signaling.start();
  await newest().greet();
  const old = sockets[0]!;
  const heard = old.onmessage;
  newest().onclose?.({ code: 1006 });
  await newest().greet();
  heard?.({ data: JSON.stringify({ type: "desk", revision: 1, rows: [] }) });
  newest().onmessage?.({ data: "no json" });
  newest().says({ type: "from_the_future" });
  assert.deepEqual(pushed, []);
  newest().says({ type: "desk", revision: 1, rows: [] });
  assert.equal(pushed.length, 1);
});

test("nothing_is_asked_of_a_line_that_is_down", async () => {
  const { signaling, newest } = set();
  signaling.start();
  await assert.rejects(signaling.request({ type: "leave" }), (error: RequestError) => error.code === "offline");
  assert.deepEqual(newest().sent, []);
});

test("a_click_during_a_short_interruption_waits_for_the_line", async () => {
  const { signaling, newest } = set();
  signaling.start();
  let ready = false;
  void signaling.whenReady().then(() => { ready = true; });
  await settle();
  assert.equal(ready, false);
  await newest().greet();
  assert.equal(ready, true);
});

test("a_click_does_not_wait_longer_than_it_is_meant", async () => {
  const { signaling, clock, newest } = set();
  signaling.start();
  const waiting = assert.rejects(signaling.whenReady(), (error: RequestError) => error.code === "offline");
  await clock.pass(4_000);
  await waiting;
  newest().onclose?.({ code: 4002 });
  await assert.rejects(signaling.whenReady(), (error: RequestError) => error.code === "offline");
});
