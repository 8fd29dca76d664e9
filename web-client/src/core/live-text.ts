// Real-time text: what is typed here leaves within a tenth of a second, what others type is shown as they type it; each character once, though lines break.
// What one side lacks the other says again by position. Keeps nothing beyond this page; knows no element of it.

import type { Clock } from "./clock";
import { Store } from "./store";
import { AGAIN, applied, codePoints, fit, fromCodePoint, LOST, NEW_LINE, readBlock, typed, written, type Piece } from "./t140";

export interface Line { key: number; text: string }
/** What one person types. */
export interface Speaker { participant: number; name: string; lines: Line[]; now: string }

export interface LiveTextState {
  /** What stands in the own text box. */
  draft: string;
  /** The own lines that are complete. */
  mine: Line[];
  others: Speaker[];
}

export interface LiveTextOptions {
  clock: Clock;
  /** Hands a block over; false when there is no way now. */
  send(block: string): boolean;
  /** By which way the next block would go. */
  way(): string;
  /** Eight hex digits, different each time. */
  drawEpoch(): string;
}

/** What is typed within this goes out together. */
const GATHER_MS = 60;
/** A block has at most so many code points. */
const BLOCK = 1_000;
/** What nobody acknowledged within this is said again. */
const REPEAT_MS = 2_000;
/** Code points kept until they are acknowledged; what goes beyond is lost, and marked at the others. */
const UNACKNOWLEDGED = 8_192;
const LINES = 200;
const EMPTY: LiveTextState = { draft: "", mine: [], others: [] };

export class LiveText extends Store<LiveTextState> {
  #options: LiveTextOptions;
  #epoch: string;
  /** Typed and not acknowledged; begins at `#acknowledged`. */
  #waiting = "";
  #acknowledged = 0;
  /** How much of `#waiting` was sent. */
  #sent = 0;
  /** The way of the last block. */
  #way = "";
  #gathering: (() => void) | undefined;
  #repeating: (() => void) | undefined;
  #lastSentAt = -Infinity;
  #you = -1;
  #names = new Map<number, string>();
  /** How far each text has come here. */
  #ends = new Map<string, number>();
  /** The text that each person types in. */
  #epochs = new Map<number, string>();
  #asking: (() => void) | undefined;
  /** What comes now was asked for again. */
  #replaying = false;
  #lineKeys = 0;

  constructor(options: LiveTextOptions) {
    super(EMPTY);
    this.#options = options;
    this.#epoch = options.drawEpoch();
  }

  /** Who is in the call. */
  people(you: number, others: readonly { participant: number; name: string }[]): void {
    this.#you = you;
    for (const { participant, name } of others) this.#names.set(participant, name);
    const named = this.get().others.map((one) => ({ ...one, name: this.#names.get(one.participant) ?? one.name }));
    const missing = others.filter((one) => !named.some((known) => known.participant === one.participant));
    if (missing.length > 0 || named.some((one, at) => one.name !== this.get().others[at]!.name)) {
      this.set({ others: [...named, ...missing.map(({ participant, name }) => ({ participant, name, lines: [], now: "" }))] });
    }
  }

  /** The call is over: nothing of it stays. */
  end(): void {
    this.#gathering?.();
    this.#repeating?.();
    this.#asking?.();
    this.#gathering = this.#repeating = this.#asking = undefined;
    this.#waiting = "";
    this.#acknowledged = this.#sent = 0;
    this.#epoch = this.#options.drawEpoch();
    this.#ends.clear();
    this.#epochs.clear();
    this.#names.clear();
    this.set(EMPTY);
  }

  /** The own text box reads this now. */
  edit = (value: string): void => {
    const next = fit(value);
    this.#type(typed(this.get().draft, next));
    this.set({ draft: next });
  };

  /** The own line is complete. */
  newLine = (): void => {
    const { draft, mine } = this.get();
    if (draft === "") return;
    this.#type(NEW_LINE);
    this.set({ draft: "", mine: this.#added(mine, [draft]) });
  };

  /** A way to the server is there again: what was not acknowledged goes out once more, and what was missed is asked for. */
  resume(): void {
    this.#sent = 0;
    this.#replaying = false;
    this.#ask();
    this.#flush();
  }

  received(block: string): void {
    const piece = readBlock(block);
    if (piece === "again") this.#replaying = true;
    else if (piece === "done") {
      this.#replaying = false;
      this.#asking?.();
      this.#asking = undefined;
    } else if (piece && piece.by === this.#you && piece.epoch === this.#epoch) {
      this.#acknowledge(piece.position + codePoints(piece.text));
    } else if (piece) {
      this.#take(piece);
    }
  }

  #type(text: string): void {
    if (text === "") return;
    this.#waiting += text;
    const beyond = codePoints(this.#waiting) - UNACKNOWLEDGED;
    if (beyond > 0) {
      this.#waiting = fromCodePoint(this.#waiting, beyond);
      this.#acknowledged += beyond;
      this.#sent = Math.max(0, this.#sent - beyond);
    }
    if (this.#gathering) return;
    const since = this.#options.clock.now() - this.#lastSentAt;
    if (since >= GATHER_MS) this.#flush();
    else this.#gathering = this.#options.clock.after(GATHER_MS - since, () => this.#flush());
  }

  #flush(): void {
    this.#gathering?.();
    this.#gathering = undefined;
    // What went another way may still come, later than this would: a hole, which the server takes for a loss. So it goes out once more, before this.
    const way = this.#options.way();
    if (way !== this.#way) this.#sent = 0;
    this.#way = way;
    let rest = Array.from(fromCodePoint(this.#waiting, this.#sent));
    while (rest.length > 0) {
      const block = rest.slice(0, BLOCK);
      if (!this.#options.send(written(this.#epoch, this.#acknowledged + this.#sent, block.join("")))) break;
      this.#sent += block.length;
      this.#lastSentAt = this.#options.clock.now();
      rest = rest.slice(BLOCK);
    }
    if (this.#waiting !== "") this.#repeating ??= this.#options.clock.after(REPEAT_MS, () => this.#repeat());
  }

  #repeat(): void {
    this.#repeating = undefined;
    this.#sent = 0;
    this.#flush();
  }

  #acknowledge(end: number): void {
    const count = end - this.#acknowledged;
    if (count <= 0) return;
    this.#waiting = fromCodePoint(this.#waiting, count);
    this.#acknowledged = end;
    this.#sent = Math.max(0, this.#sent - count);
    this.#repeating?.();
    this.#repeating = this.#waiting === "" ? undefined : this.#options.clock.after(REPEAT_MS, () => this.#repeat());
  }

  #take({ by, epoch, position, text }: Piece): void {
    const known = this.#ends.get(`${by} ${epoch}`);
    const end = known ?? 0;
    if (position > end && !this.#replaying) {
      // Something in between is missing, or this text began before we came: it is asked for, and what then still lacks is lost.
      if (!this.#asking) this.#ask();
      return;
    }
    const fresh = fromCodePoint(text, Math.max(0, end - position));
    this.#ends.set(`${by} ${epoch}`, Math.max(end, position + codePoints(text)));
    if (fresh === "") return;
    const lost = known !== undefined && position > end ? LOST : "";
    if (by === this.#you) {
      // Typed on this page before it was loaded anew.
      this.set({ mine: this.#added(this.get().mine, applied("", fresh + NEW_LINE).complete.filter((line) => line !== "")) });
      return;
    }
    const begun = this.#epochs.get(by);
    this.#epochs.set(by, epoch);
    const others = this.get().others.some((one) => one.participant === by) ? this.get().others
      : [...this.get().others, { participant: by, name: this.#names.get(by) ?? "", lines: [], now: "" }];
    this.set({
      others: others.map((one) => {
        if (one.participant !== by) return one;
        // Their page was loaded anew: what they were typing stays as it is.
        const before = begun !== undefined && begun !== epoch && one.now !== "" ? NEW_LINE : "";
        const { complete, line } = applied(one.now, before + lost + fresh);
        return { ...one, lines: complete.length > 0 ? this.#added(one.lines, complete) : one.lines, now: line };
      }),
    });
  }

  #ask(): void {
    if (!this.#options.send(AGAIN)) return;
    this.#asking?.();
    this.#asking = this.#options.clock.after(REPEAT_MS, () => {
      this.#asking = undefined;
      this.#ask();
    });
  }

  #added(lines: Line[], more: string[]): Line[] {
    return [...lines, ...more.map((text) => ({ key: ++this.#lineKeys, text }))].slice(-LINES);
  }
}
