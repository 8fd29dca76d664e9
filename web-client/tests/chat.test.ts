// Each message once and in one order, on a line that loses requests, answers and pushes, doubles them, and breaks; over reloads of the page and a killed server.
import test from "node:test";
import assert from "node:assert/strict";
import { Chat, emptyChat } from "../src/core/chat";
import type { ChatMessage } from "../src/core/protocol";
import { RequestError } from "../src/core/signaling";
import type { Reply, Request } from "../src/core/wire";
import { FakeClock } from "./fake-clock";

const APPOINTMENT = "0".repeat(32);

/** The durable part of a server, as docs/protocol.md describes it. */
class Model {
  kept: (ChatMessage & { author: number })[] = [];

  handle(author: number, body: Request): { reply: Reply; told?: ChatMessage & { author: number } } {
    if (body.type === "chat") {
      const known = this.kept.find((one) => one.author === author && one.message === body.message);
      if (known) return { reply: { type: "said", re: 1, number: known.number, at: known.at } };
      const message = { number: this.kept.length + 1, message: body.message, role: "citizen" as const, name: "", you: false, text: body.text, at: "2026-11-23T09:00:00.000Z", author };
      this.kept.push(message);
      return { reply: { type: "said", re: 1, number: message.number, at: message.at }, told: message };
    }
    if (body.type === "chat_since") {
      const rest = this.kept.filter((one) => one.number > body.after);
      return { reply: { type: "chat_page", re: 1, messages: rest.slice(0, 3).map((one) => ({ ...one, you: one.author === author })), more: rest.length > 3 } };
    }
    return { reply: { type: "ok", re: 1 } };
  }
}

class World {
  clock = new FakeClock();
  model = new Model();
  lossy = true;
  pages: Chat[] = [];
  stores = new Map<number, string>();
  #seed: number;
  #ids = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  random(): number {
    this.#seed = (this.#seed * 1103515245 + 12345) & 0x7fffffff;
    return this.#seed / 0x7fffffff;
  }

  open(author: number): Chat {
    const page: Chat = new Chat({
      clock: this.clock,
      drawId: () => `id-${author}-${++this.#ids}`,
      request: (body) => this.#request(author, page, body),
      keep: { read: () => this.stores.get(author), write: (value) => { if (this.pages[author] === page || !this.pages[author]) this.stores.set(author, value); }, forget: () => this.stores.delete(author) },
    });
    this.pages[author] = page;
    page.begin(APPOINTMENT);
    page.resume();
    this.tell();
    return page;
  }

  tell(): void {
    const last = this.model.kept.length;
    for (const page of this.pages) page?.told({ type: "chat_state", appointment: APPOINTMENT, open: true, last, seen: 0, typing: [] });
  }

  #request(author: number, page: Chat, body: Request): Promise<Reply> {
    return new Promise((done, failed) => {
      const delay = () => 20 + this.random() * 200;
      const lost = () => this.clock.after(3_000, () => failed(new RequestError("no_answer")));
      if (this.lossy && this.random() < 0.25) return lost();
      this.clock.after(delay(), () => {
        // A page that was closed meanwhile: its request arrives all the same.
        const { reply, told } = this.model.handle(author, body);
        if (told) {
          for (const [other, to] of this.pages.entries()) {
            if (other === author || !to || (this.lossy && this.random() < 0.3)) continue;
            const times = this.lossy && this.random() < 0.2 ? 2 : 1;
            for (let n = 0; n < times; n++) this.clock.after(delay(), () => to.pushed(APPOINTMENT, [{ ...told, you: false }]));
          }
        }
        if (this.lossy && this.random() < 0.25) return void lost();
        this.clock.after(delay(), () => (this.pages[author] === page ? done(reply) : failed(new RequestError("offline"))));
      });
    });
  }
}

test("whatever a line loses or doubles, every message is there once and in one order on both sides", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const world = new World(seed);
    world.open(0);
    world.open(1);
    const said: string[] = [];
    for (let step = 0; step < 30; step++) {
      const author = world.random() < 0.5 ? 0 : 1;
      const die = world.random();
      if (die < 0.7) {
        said.push(`words ${step}`);
        world.pages[author]!.say(`words ${step}`);
      } else if (die < 0.85) world.open(author);
      else world.pages[author]!.resume();
      await world.clock.pass(world.random() * 1_500);
    }
    world.lossy = false;
    await world.clock.pass(10_000);
    world.tell();
    for (const page of world.pages) page.resume();
    await world.clock.pass(60_000);
    const order = world.model.kept.map((one) => one.text);
    assert.deepEqual([...order].sort(), [...said].sort(), `seed ${seed}`);
    for (const page of world.pages) {
      assert.deepEqual(page.get().messages.map((one) => one.text), order, `seed ${seed}`);
      assert.deepEqual(page.get().unsent, []);
    }
  }
});

test("what one person says keeps its order though the first message is lost", async () => {
  const world = new World(3);
  const page = world.open(0);
  for (const text of ["one", "two", "three"]) page.say(text);
  await world.clock.pass(60_000);
  assert.deepEqual(world.model.kept.map((one) => one.text), ["one", "two", "three"]);
});

test("nothing is sent while the chat is locked, and it goes when it opens", async () => {
  const world = new World(1);
  world.lossy = false;
  const page = world.open(0);
  page.told({ type: "chat_state", appointment: APPOINTMENT, open: false, last: 0, seen: 0, typing: [] });
  page.say("later");
  await world.clock.pass(5_000);
  assert.deepEqual(world.model.kept, []);
  page.told({ type: "chat_state", appointment: APPOINTMENT, open: true, last: 0, seen: 0, typing: [] });
  await world.clock.pass(5_000);
  assert.equal(world.model.kept.length, 1);
});

test("a long text becomes several messages, cut between characters, and controls are left out", async () => {
  const world = new World(1);
  world.lossy = false;
  const page = world.open(0);
  page.say(`\u0007${"😀".repeat(2_500)}\r\nend`);
  await world.clock.pass(5_000);
  assert.equal(world.model.kept.map((one) => one.text).join(""), `${"😀".repeat(2_500)}\nend`);
  assert.deepEqual(world.model.kept.map((one) => [...one.text].length), [2_000, 504]);
});

test("what is read is no longer unread, and another consultation begins with nothing", async () => {
  const world = new World(1);
  world.lossy = false;
  const page = world.open(0);
  world.open(1).say("hello");
  await world.clock.pass(5_000);
  assert.equal(page.get().unread, 1);
  assert.equal(page.get().arrived?.text, "hello");
  page.show(true);
  assert.equal(page.get().unread, 0);
  page.begin("1".repeat(32));
  assert.deepEqual({ ...page.get(), arrived: undefined }, { ...emptyChat, arrived: undefined });
});

test("a message that will never be taken says so and does not hold up the others", async () => {
  const clock = new FakeClock();
  const asked: string[] = [];
  let n = 0;
  const page = new Chat({
    clock, drawId: () => `${++n}`, keep: { read: () => undefined, write: () => undefined, forget: () => undefined },
    request: async (body) => {
      if (body.type !== "chat") return { type: "chat_page", re: 1, messages: [], more: false };
      asked.push(body.text);
      throw new RequestError(body.text === "first" ? "chat_full" : "slow_down");
    },
  });
  page.begin(APPOINTMENT);
  page.told({ type: "chat_state", appointment: APPOINTMENT, open: true, last: 0, seen: 0, typing: [] });
  page.say("first");
  page.say("second");
  await clock.pass(4_000);
  assert.equal(page.get().unsent[0]!.problem, "chat_full");
  assert.ok(asked.filter((text) => text === "second").length >= 2, "said again after a while");
  page.discard(page.get().unsent[0]!.message);
  assert.deepEqual(page.get().unsent.map((one) => one.text), ["second"]);
});
