// How large a file is, in words.

import type { Text } from "../core/text";

export function sizeText(text: Text, bytes: number): string {
  return bytes < 1_000_000 ? text("docs.kilobytes", { size: Math.max(1, Math.round(bytes / 1_000)) }) : text("docs.megabytes", { size: megabytes(text, bytes) });
}

/** Rounded down: what is said to fit fits. */
export function megabytes(text: Text, bytes: number): string {
  return new Intl.NumberFormat(text.language === "lb" ? "de" : text.language, { maximumFractionDigits: 1 }).format(Math.floor(bytes / 100_000) / 10);
}
