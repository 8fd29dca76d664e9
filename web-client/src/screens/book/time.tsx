// The step of day and time.

import { serviceOf } from "../../core/booking-steps";
import { useText } from "../../ui/hooks";
import { CallMeBack, StepPage } from "./step";
import type { BookingView } from "./view";
import { When } from "./when";

export function ChooseTime(view: BookingView) {
  const { at, slots, act, slotsAct } = view;
  const text = useText();
  const service = serviceOf(at.draft, at.services ?? [])!;
  const first = slots.days.find((day) => day.slots.length > 0)?.slots[0];
  const faults = at.incomplete ? [{ id: first ? `slot-${Date.parse(first.start)}` : "", text: text("book.time_missing") }] : [];
  return (
    <StepPage {...view} step="time" title="book.time_title" faults={faults} aside={<CallMeBack onPress={act.callBack} />}>
      <When slots={slots} act={slotsAct} zone={service.time_zone} chosen={at.draft.slot} instead={at.instead} onChoose={(slot) => act.put({ slot })} onTake={act.take} />
    </StepPage>
  );
}
