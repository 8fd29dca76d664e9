// The step of what is typed: who comes, where mail goes, how to phone, what the agent should know.

import { NAME_CHARACTERS_MAX, NOTE_CHARACTERS_MAX, type Fault, type Field } from "../../core/booking-steps";
import type { Key } from "../../core/text";
import { TextField } from "../../ui/form";
import { useText } from "../../ui/hooks";
import { KnownAs } from "../mine/known-as";
import { StepPage } from "./step";
import type { BookingView } from "./view";

const FAULTS: Record<Field, Partial<Record<Fault, Key>>> = {
  name: { missing: "book.name_missing", too_long: "book.name_long", refused: "book.name_refused" },
  email: { missing: "book.email_missing", not_an_address: "book.email_wrong", refused: "book.email_wrong" },
  phone: { not_a_number: "book.phone_wrong", refused: "book.phone_wrong" },
  note: { too_long: "book.note_long", refused: "book.note_refused" },
};

export function Details(view: BookingView) {
  const { at, act } = view;
  const text = useText();
  const { name, email, phone, note } = at.draft;
  const fault = (field: Field) => {
    const which = at.faults[field];
    const key = which && FAULTS[field][which];
    return key && text(key);
  };
  const faults = (["name", "email", "phone", "note"] as const).flatMap((field) => {
    const said = fault(field);
    return said ? [{ id: field, text: said }] : [];
  });
  const left = NOTE_CHARACTERS_MAX - [...note].length;
  return (
    <StepPage {...view} step="details" title="book.details_title" faults={faults}>
      {at.draft.authenticated && at.me
        ? <KnownAs me={at.me} onSignOut={() => void act.signOut()} />
        : <TextField id="name" label={text("book.name")} hint={text("book.name_hint")} fault={fault("name")} autoComplete="name" required maxLength={2 * NAME_CHARACTERS_MAX} value={name} onInput={(name) => act.put({ name })} />}
      <TextField id="email" label={text("book.email")} hint={text("book.email_hint")} fault={fault("email")} type="email" autoComplete="email" required maxLength={254} value={email} onInput={(email) => act.put({ email })} />
      <TextField id="phone" label={text("book.phone")} hint={text("book.phone_hint")} fault={fault("phone")} type="tel" autoComplete="tel" maxLength={40} value={phone} onInput={(phone) => act.put({ phone })} />
      <TextField id="note" label={text("book.note")} hint={text("book.note_hint")} fault={fault("note")} rows={4} value={note} counter={left < 0 ? text.count("book.note_over", -left) : text.count("book.note_left", left)} onInput={(note) => act.put({ note })} />
    </StepPage>
  );
}
