// Where one character ends and the next begins for who reads it: an emoji with joiners, a letter with its accents. Knows no message.

interface Segmenter { segment(text: string): Iterable<{ index: number }> }

const segmenter: Segmenter | null = (() => {
  const { Segmenter: Made } = Intl as unknown as { Segmenter?: new (locale: undefined, options: { granularity: "grapheme" }) => Segmenter };
  return Made ? new Made(undefined, { granularity: "grapheme" }) : null;
})();

/** Joined to what is before: marks, joiners, variation selectors, skin tones, tags. */
const CONTINUES = /^[\p{M}\u200d\ufe0e\ufe0f\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}]/u;
const FLAG = /^[\u{1f1e6}-\u{1f1ff}]/u;

/** The last boundary between two characters at or before `index` (in UTF-16 units, as strings count). */
export function boundaryBefore(text: string, index: number, split: Segmenter | null = segmenter): number {
  if (index >= text.length) return text.length;
  let boundary = 0;
  for (const start of split ? starts(text, split) : plainStarts(text)) {
    if (start > index) break;
    boundary = start;
  }
  return boundary;
}

function* starts(text: string, split: Segmenter): Iterable<number> {
  for (const { index } of split.segment(text)) yield index;
}

/** For browsers that cannot tell: good enough for what people type. */
function* plainStarts(text: string): Iterable<number> {
  let at = 0;
  let before = "";
  let flags = 0;
  for (const character of text) {
    const flag = FLAG.test(character);
    const continues = at > 0 && (CONTINUES.test(character) || before === "\u200d" || (flag && flags % 2 === 1));
    if (!continues) yield at;
    flags = flag ? flags + 1 : 0;
    before = character;
    at += character.length;
  }
}
