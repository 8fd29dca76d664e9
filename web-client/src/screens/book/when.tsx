// The choice of a day and a time: the next free one first, a week at a time. Used for booking and for another time; knows neither.

import { useState } from "preact/hooks";
import type { FreeSlot } from "../../core/protocol";
import type { SlotsState } from "../../core/slot-finder";
import { dayIn } from "../../core/zone";
import { Button } from "../../ui/button";
import { Choice } from "../../ui/form";
import { useText } from "../../ui/hooks";
import { Card, Notice } from "../../ui/page";
import { ZoneHint } from "../../ui/zone-hint";
import { noticeText } from "../notices";
import type { SlotActions } from "./view";

interface WhenProps {
  slots: SlotsState;
  act: SlotActions;
  zone: string;
  chosen?: FreeSlot;
  /** The chosen one was taken: these are free. */
  instead?: FreeSlot[];
  busy?: boolean;
  onChoose(slot: FreeSlot): void;
  /** Chooses it and goes on. */
  onTake(slot: FreeSlot): void;
}

export function When({ slots, act, zone, chosen, instead = [], busy = false, onChoose, onTake }: WhenProps) {
  const text = useText();
  const [picked, pick] = useState<string>();
  const when = (slot: FreeSlot) => text("book.when", { day: text.day(slot.start, zone), time: text.time(slot.start, zone) });
  if (slots.problem) {
    return <Notice kind="warning" action={<Button onClick={() => void act.again()}>{text("try_again")}</Button>}>{noticeText(text, slots.problem === "unreachable" ? "offline" : slots.problem)}</Notice>;
  }
  if (slots.none) return <Notice kind="warning"><p><strong>{text("book.none_title")}</strong></p><p>{text("book.none")}</p></Notice>;
  const free = slots.days.filter((day) => day.slots.length > 0);
  const chosenDay = chosen && dayIn(zone, Date.parse(chosen.start));
  const day = free.find((one) => one.day === (picked ?? chosenDay)) ?? free[0];
  const example = day?.slots[0] ?? slots.next;
  return (
    <div class="when">
      {instead.length > 0 && (
        <Card tone="warm">
          <h2>{text("book.instead")}</h2>
          <div class="instead">{instead.map((slot) => <Button busy={busy} onClick={() => onTake(slot)}>{when(slot)}</Button>)}</div>
        </Card>
      )}
      {instead.length === 0 && slots.next && (
        <Card tone="calm">
          <p>{text("book.next_free")}</p>
          <p class="next-free">{when(slots.next)}</p>
          <div class="go"><Button icon="clock" busy={busy} onClick={() => onTake(slots.next!)}>{text("book.take_next")}</Button></div>
        </Card>
      )}
      <p role="status" class="loading">{slots.loading && text("book.looking")}</p>
      {slots.days.length > 0 && (
        <fieldset class="days">
          <legend>{text("book.day")}</legend>
          {slots.days.map((one) => (
            <Choice id={`day-${one.day}`} group="day" small disabled={one.slots.length === 0} checked={one.day === day?.day} onChoose={() => pick(one.day)}>
              <strong>{text.day(`${one.day}T12:00:00Z`, "UTC")}</strong> <em>{one.slots.length === 0 ? text("book.full") : text.count("book.free", one.slots.length)}</em>
            </Choice>
          ))}
        </fieldset>
      )}
      {!slots.loading && slots.days.length === 0 && <p>{text("book.no_days")}</p>}
      <div class="weeks">
        {/* Both stay where they are at the ends, too: a button that goes away takes the focus of whoever pressed it along. */}
        <Button icon="back" busy={slots.loading || slots.week === 0} onClick={() => { pick(undefined); void act.earlier(); }}>{text("book.earlier")}</Button>
        <Button busy={slots.loading || slots.isLast} onClick={() => { pick(undefined); void act.later(); }}>{text("book.later")}</Button>
      </div>
      {day && (
        <fieldset class="times">
          <legend>{text("book.time_on", { day: text.day(`${day.day}T12:00:00Z`, "UTC") })}</legend>
          {day.slots.map((slot) => (
            <Choice id={`slot-${Date.parse(slot.start)}`} group="slot" small checked={slot.start === chosen?.start} onChoose={() => onChoose(slot)}>
              {text.time(slot.start, zone)}
            </Choice>
          ))}
        </fieldset>
      )}
      <p role="status" class="chosen-time">{chosen && text("book.chosen", { when: when(chosen) })}</p>
      <ZoneHint zone={zone} at={example?.start} />
    </div>
  );
}
