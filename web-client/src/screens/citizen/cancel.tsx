// The way out before the appointment: asked once more, since the place goes to somebody else at once.

import { useState } from "preact/hooks";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { useText } from "../../ui/hooks";
import type { CitizenView } from "./view";

export function CancelAppointment({ at, act, fixed }: Pick<CitizenView, "at" | "act" | "fixed">) {
  const text = useText();
  const [asking, setAsking] = useState(fixed?.dialog === "cancel");
  const link = at.link!;
  const when = { day: text.day(link.start, link.time_zone), time: text.time(link.start, link.time_zone) };
  return (
    <div class="go">
      <Button kind="quiet" busy={at.busy} onClick={() => setAsking(true)}>{text("cancel_appointment.button")}</Button>
      {asking && (
        <Dialog title={text("cancel_appointment.title")} onClose={() => setAsking(false)}>
          <p>{text("cancel_appointment.what", when)}</p>
          <p>{text("cancel_appointment.place")}</p>
          <div class="go">
            {/* First, and so in focus: who presses Enter without reading keeps the appointment. */}
            <Button onClick={() => setAsking(false)}>{text("cancel_appointment.no")}</Button>
            <Button kind="danger" onClick={() => { setAsking(false); void act.cancelAppointment(); }}>{text("cancel_appointment.yes")}</Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
