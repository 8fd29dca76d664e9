// Another time for the same appointment, under the same link.

import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../ui/button";
import { Refusal } from "../../ui/form";
import { useText } from "../../ui/hooks";
import { Page } from "../../ui/page";
import { noticeText } from "../notices";
import { When } from "../book/when";
import type { CitizenView } from "./view";

export function Reschedule({ at, act, slots, slotsAct }: CitizenView) {
  const text = useText();
  const link = at.link!;
  const now = { day: text.day(link.start, link.time_zone), time: text.time(link.start, link.time_zone) };
  const { chosen } = at;
  // Who takes an offered time at the top is led to the button that moves the appointment.
  const [taken, setTaken] = useState(0);
  const confirm = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (taken > 0) confirm.current?.focus();
  }, [taken]);
  const moved = chosen && { day: text.day(chosen.start, link.time_zone), time: text.time(chosen.start, link.time_zone) };
  return (
    <Page screen="reschedule" title={text("moved.title")} lead={text("moved.lead", now)}>
      <Refusal>{at.notice && (at.notice === "slot_taken" || at.notice === "invalid_appointment" ? text("book.taken") : noticeText(text, at.notice))}</Refusal>
      <form class="step" onSubmit={(event) => { event.preventDefault(); if (chosen) void act.reschedule(chosen); }}>
        <When slots={slots} act={slotsAct} zone={link.time_zone} chosen={chosen} instead={at.instead} busy={at.busy} onChoose={act.choose} onTake={(slot) => { act.choose(slot); setTaken(taken + 1); }} />
        <div class="go">
          {moved && <Button kind="primary" submit buttonRef={confirm} busy={at.busy}>{text("moved.yes", moved)}</Button>}
          <Button kind="quiet" icon="back" onClick={act.back}>{text("moved.keep")}</Button>
        </div>
      </form>
    </Page>
  );
}
