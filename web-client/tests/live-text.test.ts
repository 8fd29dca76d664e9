// Real-time text on a line that loses and breaks: the same text at both ends, within its time, and what is lost beyond memory is marked.
import test from "node:test";
import assert from "node:assert/strict";
import { LiveText } from "../src/core/live-text";
import { AGAIN, codePoints, DONE, fromCodePoint } from "../src/core/t140";
import { FakeClock } from "./fake-clock";

interface Typed { epoch: string; position: number; text: string }

/** A server as docs/protocol.md describes it: forwards what is new, keeps the last of it in memory. */
class Model {
  typed = new Map<string, Typed>();
  memory = 100_000;

  take(by: number, block: string): { answers: string[]; forward?: string } {
    if (block === AGAIN) return { answers: [AGAIN, ...[...this.typed.entries()].map(([key, one]) => this.#written(Number(key.split(" ")[0]), one)), DONE] };
    const [, epoch, position, text] = /^\u0098([0-9a-f]{8}) (\d+)\u009c([^]*)$/.exec(block)!;
    const key = `${by} ${epoch}`;
    const known = this.typed.get(key);
    const end = known ? known.position + codePoints(known.text) : Number(position);
    const fresh = fromCodePoint(text!, end - Number(position));
    if (fresh === "" && known) return { answers: [this.#written(by, { epoch: epoch!, position: end, text: "" })] };
    const at = Math.max(end, Number(position));
    const piece = { epoch: epoch!, position: at, text: fresh };
    const kept = known && at === end ? { ...known, text: known.text + fresh } : { ...piece };
    const beyond = Math.max(0, codePoints(kept.text) - this.memory);
    this.typed.set(key, { ...kept, position: kept.position + beyond, text: fromCodePoint(kept.text, beyond) });
    return { answers: [this.#written(by, piece)], forward: this.#written(by, piece) };
  }

  #written(by: number, { epoch, position, text }: Typed): string {
    return `\u0098${by} ${epoch} ${position}\u009c${text}`;
  }
}

class World {
  clock = new FakeClock();
  way = "";
  model = new Model();
  up = [true, true];
  pages: LiveText[] = [];
  sent: { at: number; block: string }[] = [];
  #seed: number;
  #epochs = 0;
  /** A line is a first-in first-out pipe; one that breaks loses what is in it. */
  #line = [0, 0];

  constructor(seed: number) {
    this.#seed = seed;
    for (const who of [0, 1]) {
      const page = new LiveText({ clock: this.clock, drawEpoch: () => (++this.#epochs).toString(16).padStart(8, "0"), send: (block) => this.#send(who, block), way: () => this.way });
      this.pages.push(page);
    }
    this.pages[0]!.people(0, [{ participant: 1, name: "Anna" }]);
    this.pages[1]!.people(1, [{ participant: 0, name: "Clara" }]);
  }

  random(): number {
    this.#seed = (this.#seed * 1103515245 + 12345) & 0x7fffffff;
    return this.#seed / 0x7fffffff;
  }

  breakLine(who: number): void {
    this.up[who] = false;
    this.#line[who]! += 1;
  }

  mend(who: number): void {
    this.up[who] = true;
    this.pages[who]!.resume();
  }

  #send(who: number, block: string): boolean {
    if (!this.up[who]) return false;
    this.sent.push({ at: this.clock.now(), block });
    const line = this.#line[who];
    this.clock.after(50, () => {
      if (this.#line[who] !== line) return;
      const { answers, forward } = this.model.take(who, block);
      for (const answer of answers) this.#deliver(who, answer);
      if (forward !== undefined) this.#deliver(1 - who, forward);
    });
    return true;
  }

  #deliver(to: number, block: string): void {
    const line = this.#line[to];
    if (this.up[to]) this.clock.after(50, () => this.#line[to] === line && this.pages[to]!.received(block));
  }

  /** What one has written, and what the other reads of it. */
  texts(from: number): [string, string] {
    const own = this.pages[from]!.get();
    const other = this.pages[1 - from]!.get().others[0]!;
    return [[...own.mine.map((line) => line.text), own.draft].join("\n"), [...other.lines.map((line) => line.text), other.now].join("\n")];
  }
}

test("each letter leaves within a tenth of a second and is there after the way", async () => {
  const world = new World(1);
  let draft = "";
  for (let n = 0; n < 100; n++) {
    draft += "x";
    world.pages[0]!.edit(draft);
    const at = world.clock.now();
    await world.clock.pass(10);
    void at;
  }
  await world.clock.pass(160);
  assert.equal(world.texts(0)[1], draft);
  const gaps = world.sent.map(({ at }, i) => at - (world.sent[i - 1]?.at ?? 0));
  assert.ok(Math.max(...gaps) <= 100 && world.sent.length < 40, `${world.sent.length} blocks, ${Math.max(...gaps)} ms`);
});

test("whatever breaks, both ends hold the same text in the end, and each line once", async () => {
  const letters = ["a", "ж", "ب", "👨\u200d👩\u200d👧", "é", " "];
  for (let seed = 1; seed <= 150; seed++) {
    const world = new World(seed);
    for (let step = 0; step < 120; step++) {
      const who = world.random() < 0.5 ? 0 : 1;
      const page = world.pages[who]!;
      const die = world.random();
      if (die < 0.7) page.edit(page.get().draft + letters[Math.floor(world.random() * letters.length)]!);
      else if (die < 0.85) page.edit([...page.get().draft].slice(0, -1).join(""));
      else if (die < 0.9) page.newLine();
      else if (world.up[who]) world.breakLine(who);
      else world.mend(who);
      await world.clock.pass(world.random() * 120);
    }
    for (const who of [0, 1]) {
      world.breakLine(who);
      world.mend(who);
    }
    await world.clock.pass(10_000);
    for (const from of [0, 1]) {
      const [own, other] = world.texts(from);
      assert.equal(other, own, `seed ${seed}`);
      assert.ok(!own.includes("\ufffd"));
    }
  }
});

test("what is lost beyond memory is marked, once", async () => {
  const world = new World(1);
  world.pages[0]!.edit("before ");
  await world.clock.pass(1_000);
  world.breakLine(1);
  world.model.memory = 10;
  let draft = "before ";
  for (let n = 0; n < 30; n++) {
    draft += "y";
    world.pages[0]!.edit(draft);
    await world.clock.pass(100);
  }
  world.mend(1);
  await world.clock.pass(3_000);
  assert.equal(world.texts(0)[1], `before \ufffd${"y".repeat(10)}`);
});

test("who reloads their page finds what the others typed, and the others see where it broke off", async () => {
  const world = new World(1);
  world.pages[0]!.edit("half a li");
  await world.clock.pass(1_000);
  world.breakLine(0);
  world.up[0] = true;
  const again = new LiveText({ clock: world.clock, drawEpoch: () => "ffffffff", way: () => "", send: (block) => { const { answers, forward } = world.model.take(0, block); for (const answer of answers) again.received(answer); if (forward) world.pages[1]!.received(forward); return true; } });
  again.people(0, [{ participant: 1, name: "Anna" }]);
  again.resume();
  assert.deepEqual(again.get().mine.map((line) => line.text), ["half a li"]);
  again.edit("n");
  await world.clock.pass(1_000);
  const clara = world.pages[1]!.get().others[0]!;
  assert.deepEqual([clara.lines.map((line) => line.text), clara.now], [["half a li"], "n"]);
});

test("what went by a channel that broke goes out again before anything goes by the socket", async () => {
  const sent: string[] = [];
  let way = "channel";
  const clock = new FakeClock();
  const page = new LiveText({ clock, drawEpoch: () => "00000001", way: () => way, send: (block) => { sent.push(block.slice(-2)); return true; } });
  page.edit("a");
  await clock.pass(100);
  way = "socket";
  page.edit("ab");
  await clock.pass(100);
  assert.deepEqual(sent.map((block) => block.replace(/[^ab]/g, "")), ["a", "ab"]);
});
