// The files that somebody chose for a booking, before any of them is sent: what they are by their first bytes, and whether they fit. The server has the last
// word on both. Knows no element, no server.

import type { BookableService, DocumentKind } from "./protocol";

/** A chosen file; its bytes are with the keeper. */
export interface ChosenFile {
  id: string;
  kind: DocumentKind;
  name: string;
  size: number;
  /** A reload lost it: it must be chosen again, or taken out. */
  lost?: boolean;
}

export type FileFault = "unfit_document" | "unfit_card" | "too_large" | "too_many_documents" | "no_space";

/** A file that was not taken. */
export interface RefusedFile { name: string; fault: FileFault }

type Content = "pdf" | "jpeg" | "png" | "heic" | "tiff" | "package";

/** Bytes that are enough to tell. */
export const HEAD_BYTES = 16;

export function contentOf(head: Uint8Array): Content | undefined {
  const begins = (bytes: string, at = 0) => [...bytes].every((letter, i) => head[at + i] === letter.charCodeAt(0));
  if (begins("%PDF-")) return "pdf";
  if (begins("\xff\xd8\xff")) return "jpeg";
  if (begins("\x89PNG\r\n\x1a\n")) return "png";
  if (begins("ftyp", 4) && ["heic", "heix", "mif1", "msf1", "hevc"].some((brand) => begins(brand, 8))) return "heic";
  if (begins("II*\0") || begins("MM\0*")) return "tiff";
  if (begins("PK\x03\x04")) return "package";
  return undefined;
}

/** An agent's browser must be able to show the card: no more kinds than these. */
export function faultOf(kind: DocumentKind, content: Content | undefined): FileFault | undefined {
  if (kind === "identity_copy") return content === "pdf" || content === "jpeg" || content === "png" ? undefined : "unfit_card";
  return content ? undefined : "unfit_document";
}

/** Why one more of this size does not fit. A copy of the card takes the place of the one before. */
export function unfitBeside(there: readonly ChosenFile[], kind: DocumentKind, size: number, service: Pick<BookableService, "document_count" | "document_bytes">): FileFault | undefined {
  const others = there.filter((file) => kind === "document" || file.kind === "document");
  if (others.length >= service.document_count) return "too_many_documents";
  return size > bytesLeft(others, service) ? "too_large" : undefined;
}

export function bytesLeft(there: readonly ChosenFile[], service: Pick<BookableService, "document_bytes">): number {
  return there.reduce((left, file) => left - file.size, service.document_bytes);
}
