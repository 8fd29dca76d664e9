// The names of the others in a consultation by their number.

import type { State } from "../core/protocol";

export function namesOf(state: State | undefined): Record<number, string> {
  return Object.fromEntries((state?.participants ?? []).map(({ participant, name }) => [participant, name]));
}
