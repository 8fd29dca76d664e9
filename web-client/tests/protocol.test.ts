// The vectors that the server's tests read too.

import test from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Signaling, type SocketLike } from "../src/core/signaling";
import { parseServerMessage, type Request } from "../src/core/wire";
import { FakeClock, settle } from "./fake-clock";

declare const __ROOT__: string;
interface Vector { name: string; message: Record<string, unknown>; valid: boolean }
const vectors = (file: string): Vector[] => JSON.parse(readFileSync(`${__ROOT__}/../tests/data/protocol/${file}.json`, "utf8")).vectors;

test("every_valid_message_of_the_server_is_read_whole", () => {
  const valid = vectors("server").filter((vector) => vector.valid);
  assert.ok(valid.length > 20);
  for (const { name, message } of valid) assert.deepEqual(parseServerMessage(JSON.stringify(message)), message, name);
});

test("a_message_of_an_unknown_type_or_an_answer_to_nothing_is_passed_over", () => {
  const named = (name: string) => JSON.stringify(vectors("server").find((vector) => vector.name === name)!.message);
  assert.equal(parseServerMessage(named("unknown type")), undefined);
  assert.equal(parseServerMessage(named("answer to nothing")), undefined);
  assert.equal(parseServerMessage("{"), undefined);
  assert.equal(parseServerMessage("null"), undefined);
});

/** What the page sends for a request, as it stands on the wire. */
async function sent(body: Request): Promise<Record<string, unknown>> {
  const wire: Record<string, unknown>[] = [];
  const socket: SocketLike = { onopen: null, onmessage: null, onclose: null, send: (text) => wire.push(JSON.parse(text)), close: () => undefined };
  const signaling = new Signaling({ url: "", device: "AAECAwQFBgcICQoLDA0ODw", clock: new FakeClock(), open: () => socket, onPushed: () => undefined, onStatus: () => undefined });
  signaling.start();
  socket.onopen?.(undefined as never);
  socket.onmessage?.({ data: JSON.stringify({ type: "welcome", re: 1, version: 1, server_time: "2026-11-23T08:12:30.000Z", heartbeat_ms: 5000 }) });
  await settle();
  signaling.request(body).catch(() => undefined);
  const last = wire[wire.length - 1]!;
  signaling.stop();
  return last;
}

for (const role of ["citizen", "agent"]) {
  test(`what_the_${role}_page_sends_is_what_the_vectors_show`, async () => {
    const valid = vectors(role).filter((vector) => vector.valid && vector.message["type"] !== "hello" && vector.message["type"] !== "ping");
    assert.ok(valid.length > 5);
    for (const { name, message } of valid) {
      const { id: _, ...body } = message;
      const { id, ...onTheWire } = await sent(body as Request);
      assert.equal(typeof id, "number", name);
      assert.deepEqual(onTheWire, body, name);
    }
  });
}
