// The name that a third person says, as the server takes it (`docs/protocol.md`). Knows no field and no person.

/** Longer names are refused. */
export const NAME_CHARACTERS_MAX = 80;

/** What looks like another name or turns the text around it: controls, Unicode's direction overrides, characters of no width. A name that was pasted may hold them. */
const UNFIT = /[\p{Cc}\u200b\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** The name without them and without white space around it; empty when nothing is left. */
export function fitName(said: string): string {
  return said.replace(UNFIT, "").trim();
}
