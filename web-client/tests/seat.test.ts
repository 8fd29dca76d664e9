// A seat that is let go of while its transport is being made. The browser's own peer connection settles nothing once it is closed, as the standard says.
import test from "node:test";
import assert from "node:assert/strict";
import type { LocalMedia } from "../src/core/local-media";
import type { State } from "../src/core/protocol";
import { Seat } from "../src/core/seat";
import { RequestError } from "../src/core/signaling";
import { FakeClock, settle } from "./fake-clock";

class FakePeerConnection {
  static made: FakePeerConnection[] = [];
  connectionState = "new";
  iceConnectionState = "new";
  /** Whether the answer is set at once, or never. */
  static answers = true;
  constructor() {
    FakePeerConnection.made.push(this);
  }
  addTransceiver() {
    return { sender: { track: null, replaceTrack: async () => undefined, getParameters: () => ({ encodings: [] }), setParameters: async () => undefined }, mid: null, receiver: { track: null } };
  }
  createDataChannel() { return {}; }
  getTransceivers() { return []; }
  getReceivers() { return []; }
  getStats() { return Promise.resolve(new Map()); }
  createOffer() { return Promise.resolve({ type: "offer", sdp: "v=0" }); }
  setLocalDescription() { return Promise.resolve(); }
  setRemoteDescription() { return FakePeerConnection.answers ? Promise.resolve() : new Promise(() => undefined); }
  close() { this.connectionState = "closed"; }
}

function seated(refusals: string[] = []) {
  FakePeerConnection.made = [];
  (globalThis as Record<string, unknown>)["RTCPeerConnection"] = FakePeerConnection;
  const asked: string[] = [];
  let transport = 0;
  const clock = new FakeClock();
  const seat = new Seat({
    clock,
    media: { get: () => ({ step: "ready", muted: false }), watch: () => () => undefined } as unknown as LocalMedia,
    nextTransport: () => ++transport,
    iceServers: () => [],
    request: async (body) => {
      asked.push(body.type);
      const refused = body.type === "offer" ? refusals.shift() : undefined;
      if (refused) throw new RequestError(refused);
      return body.type === "offer" ? { type: "answer", re: 1, sdp: "v=0" } : { type: "ok", re: 1 };
    },
    probe: () => undefined,
    onChannel: () => undefined,
    onMessage: () => undefined,
  });
  void seat.signalingReady(false);
  return { seat, asked, clock };
}

const waiting = { type: "state", phase: "waiting", participants: [], slots: [] } as unknown as State;

/** What the browser says of the transport made last. */
function browserSays(state: RTCPeerConnectionState) {
  const pc = FakePeerConnection.made.at(-1)! as FakePeerConnection & { onconnectionstatechange(): void };
  pc.connectionState = state;
  pc.onconnectionstatechange();
}

test("a_network_that_lets_no_media_through_is_told_after_eight_seconds_and_forgotten_when_it_does", async () => {
  FakePeerConnection.answers = true;
  const { seat, clock } = seated();
  seat.update(waiting);
  await clock.pass(7_900);
  assert.equal(seat.get().noMediaPath, false);
  await clock.pass(200);
  assert.equal(seat.get().noMediaPath, true);
  browserSays("failed");
  await clock.pass(100);
  assert.equal(FakePeerConnection.made.length, 2, "it is tried on");
  assert.equal(seat.get().noMediaPath, true, "and said on");
  browserSays("connected");
  assert.equal(seat.get().noMediaPath, false);
  await clock.pass(20_000);
  assert.equal(seat.get().noMediaPath, false);
});

test("an_overloaded_server_is_asked_again_after_seconds_and_the_person_told_so_until_there_is_room", async () => {
  FakePeerConnection.answers = true;
  const { seat, asked, clock } = seated(["overloaded", "overloaded"]);
  seat.update(waiting);
  await settle();
  assert.equal(seat.get().overloaded, true);
  await clock.pass(4_400);
  assert.deepEqual(asked, ["offer"], "not at once");
  await clock.pass(200);
  assert.deepEqual(asked, ["offer", "offer"]);
  assert.equal(seat.get().overloaded, true);
  await clock.pass(4_600);
  assert.deepEqual(asked.slice(0, 3), ["offer", "offer", "offer"]);
  assert.equal(seat.get().overloaded, false);
});

test("where_the_server_itself_is_away_nothing_is_said_of_the_path", async () => {
  FakePeerConnection.answers = true;
  const { seat, clock } = seated();
  seat.update(waiting);
  await clock.pass(1_000);
  seat.signalingLost();
  await clock.pass(20_000);
  assert.equal(seat.get().noMediaPath, false);
  seat.update(undefined);
  assert.equal(clock.pending, 0, "no timer is left");
});

const calling = { type: "state", phase: "calling", participants: [], slots: [] } as unknown as State;

test("a_call_that_ends_while_the_answer_is_set_does_not_keep_the_next_one_from_its_transport", async () => {
  FakePeerConnection.answers = false;
  const { seat, asked } = seated();
  seat.update(calling);
  await settle();
  assert.deepEqual(asked, ["offer"]);
  seat.update(undefined);
  await settle();
  FakePeerConnection.answers = true;
  seat.update(calling);
  await settle();
  assert.equal(FakePeerConnection.made.length, 2);
  assert.deepEqual(asked, ["offer", "offer", "publish"]);
});

test("a_call_that_ends_and_begins_before_anything_settled_has_its_transport_too", async () => {
  FakePeerConnection.answers = false;
  const { seat, asked } = seated();
  seat.update(calling);
  await settle();
  FakePeerConnection.answers = true;
  seat.update(undefined);
  seat.update(calling);
  for (let turn = 0; turn < 3; turn++) await settle();
  assert.deepEqual(FakePeerConnection.made.map((pc) => pc.connectionState), ["closed", "new"]);
  assert.deepEqual(asked, ["offer", "offer", "publish"]);
});
