// Real-time text as it travels (T.140 in RFC 8865 channels): blocks with a control string in front, and what typing and erasing do to a line.
// One U+0008 erases one Unicode code point, whatever the browsers' tables of characters say: so both ends always hold the same text.

import { boundaryBefore } from "./graphemes";

const SOS = "\u0098";
const ST = "\u009c";
export const BACKSPACE = "\b";
export const NEW_LINE = "\u2028";
/** Stands for text that was lost. */
export const LOST = "\ufffd";
/** "Say everything again"; the server says it too, before it does so. */
export const AGAIN = `${SOS}again${ST}`;
/** And this behind it. */
export const DONE = `${SOS}done${ST}`;

/** A part of somebody's text; positions count code points from the beginning of the page that it was typed on. */
export interface Piece { by: number; epoch: string; position: number; text: string }

export function written(epoch: string, position: number, text: string): string {
  return `${SOS}${epoch} ${position}${ST}${text}`;
}

/** Reads what the server forwards: a piece, the beginning or the end of a repetition, or undefined for anything else. */
export function readBlock(block: string): Piece | "again" | "done" | undefined {
  if (block === AGAIN) return "again";
  if (block === DONE) return "done";
  const head = /^\u0098(\d{1,3}) ([0-9a-f]{8}) (\d{1,15})\u009c/.exec(block);
  if (!head) return undefined;
  return { by: Number(head[1]), epoch: head[2]!, position: Number(head[3]), text: block.slice(head[0].length) };
}

export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** From this code point on. */
export function fromCodePoint(text: string, count: number): string {
  let at = 0;
  for (const character of text) {
    if (count-- <= 0) break;
    at += character.length;
  }
  return text.slice(at);
}

/** What to type so that a line that reads `before` reads `after`: erases back to where they part, never into a character, and types the rest. */
export function typed(before: string, after: string): string {
  let same = 0;
  while (same < before.length && same < after.length && before[same] === after[same]) same++;
  // The boundary must be one in both: a joiner may join what stood apart.
  for (let at = -1; at !== same;) {
    at = same;
    same = boundaryBefore(after, boundaryBefore(before, same));
  }
  return BACKSPACE.repeat(codePoints(before.slice(same))) + after.slice(same);
}

/** What one page types is fit to be sent: one line, without controls, every surrogate with its other half. */
export function fit(value: string): string {
  // eslint-disable-next-line no-control-regex
  return Array.from(value, (character) => (/^[\ud800-\udfff]$/.test(character) ? LOST : character)).join("").replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g, " ");
}

/** A line and those before it, with more typed. Erasing ends at the beginning of the line: what is complete stays. */
export function applied(line: string, more: string): { complete: string[]; line: string } {
  const complete: string[] = [];
  let points = Array.from(line);
  for (const character of more) {
    if (character === BACKSPACE) points.pop();
    else if (character === NEW_LINE) {
      complete.push(points.join(""));
      points = [];
    } else if (character !== "\ufeff") points.push(character);
  }
  return { complete, line: points.join("") };
}
