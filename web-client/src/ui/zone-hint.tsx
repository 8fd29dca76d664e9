// In whose time the times are, for those whose device shows another. Knows no appointment.

import { differsFromHere } from "../core/zone";
import { useText } from "./hooks";

/** `at`: a moment that is shown nearby. */
export function ZoneHint({ zone, at }: { zone?: string; at?: string }) {
  const text = useText();
  if (!zone || !at || !differsFromHere(zone, at)) return null;
  return <p class="hint">{text("book.zone", { zone: zone.replace(/^.*\//, "").replace(/_/g, " ") })}</p>;
}
