// Who wants to be called back: when, at which number, and why. What is done stays for a day, so that a wrong press can be taken back.

import type { CallbackRow } from "../../core/protocol";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { PhoneLink } from "../../ui/page";
import type { AgentView } from "./view";

export function CallbackList({ at, act }: Pick<AgentView, "at" | "act">) {
  const text = useText();
  if (at.callbacks.length === 0) return null;
  const zone = (row: CallbackRow) => at.services.find((service) => service.key === row.service)?.time_zone;
  const word = (row: CallbackRow) => text(row.done ? "desk.callback_open" : "desk.callback_done");
  const waiting = at.callbacks.filter((row) => !row.done).length;
  return (
    <>
      <h2 id="callbacks-title">{text("desk.callbacks")} <span class="badge">{waiting}</span></h2>
      <ul class="callbacks" aria-labelledby="callbacks-title">
        {at.callbacks.map((row) => (
          <li key={row.callback} class={row.done ? "callback-done" : ""}>
            <div>
              <p><strong>{row.name}</strong> <PhoneLink phone={row.phone} /></p>
              <p class="person-more">{text.day(row.start, zone(row))}, {text("appointment.span", { start: text.time(row.start, zone(row)), end: text.time(row.end, zone(row)) })}</p>
              <p class="person-more">{text(`call_back.reason_${row.reason}`)}{row.reference && <> · {text("desk.callback_of", { reference: row.reference })}</>}{row.words && <q class="note">{row.words}</q>}</p>
            </div>
            <Button label={`${word(row)}: ${row.name}`} kind={row.done ? "quiet" : "plain"} icon={row.done ? undefined : "check"} busy={at.busy} onClick={() => void act.setCallbackDone(row, !row.done)}>{word(row)}</Button>
          </li>
        ))}
      </ul>
    </>
  );
}
