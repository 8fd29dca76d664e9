// What a screen of the booking is given: plain state to show and the things that may be done.

import type { Booking, BookingState } from "../../core/booking";
import type { Callback, CallbackState } from "../../core/callback";
import type { DocumentsState } from "../../core/documents";
import type { SlotFinder, SlotsState } from "../../core/slot-finder";
import type { Language } from "../../core/text";
import type { DocumentActions } from "../document-list";

export type BookingActions = Pick<Booking, "load" | "put" | "choose" | "takeOut" | "next" | "back" | "go" | "take" | "callBack" | "confirm" | "follow" | "another" | "authenticate" | "withoutAuthentication" | "signOut">;
export type SlotActions = Pick<SlotFinder, "again" | "later" | "earlier">;
export type CallbackActions = Pick<Callback, "load" | "put" | "send">;

export interface BookingView {
  at: BookingState;
  slots: SlotsState;
  callback?: CallbackState;
  /** Of the appointment that was booked. */
  documents: DocumentsState;
  documentsAct: DocumentActions;
  act: BookingActions;
  slotsAct: SlotActions;
  callbackAct?: CallbackActions;
}

/** The text in this language, else in English, else nothing. */
export function said(texts: Partial<Record<string, string>> | undefined, language: Language): string {
  return texts?.[language] || texts?.["en"] || "";
}

/** The list in this language, else in English. */
export function listed(lists: Partial<Record<string, string[]>> | undefined, language: Language): string[] {
  return lists?.[language] ?? lists?.["en"] ?? [];
}
