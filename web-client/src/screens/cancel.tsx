// The cancel link of a mail: what would be cancelled, asked twice, and an honest word when it is too late.

import { useState } from "preact/hooks";
import { cancelScreen, type CancelState } from "../core/cancel";
import type { CancelLink } from "../core/protocol";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { useText } from "../ui/hooks";
import { Card, Notice, Page } from "../ui/page";
import { Explained, Loading, problemKind } from "./citizen/outcomes";
import { noticeText } from "./notices";

export interface CancelActions {
  load(): Promise<void>;
  cancel(): Promise<void>;
}

export interface CancelView {
  at: CancelState;
  act: CancelActions;
  /** For the gallery: as if the first step was taken. */
  asking?: boolean;
}

export function CancelScreens(view: CancelView) {
  const text = useText();
  switch (cancelScreen(view.at)) {
    case "loading": return <Loading />;
    case "problem": {
      const kind = problemKind(view.at.problem);
      const again = kind === "unreachable" || kind === "slow_down" || kind === "internal";
      return <Explained kind={kind}>{again && <Button kind="primary" onClick={() => void view.act.load()}>{text("try_again")}</Button>}</Explained>;
    }
    case "cancelled": return <Explained kind="cancelled" />;
    case "too_late": return <Explained kind="cancel_too_late" />;
    case "asking": return <Asking {...view} />;
  }
}

function Asking({ at, act, asking: asked = false }: CancelView) {
  const text = useText();
  const [asking, setAsking] = useState(asked);
  const link = at.link!;
  const when = { day: text.day(link.start, link.time_zone), time: text.time(link.start, link.time_zone) };
  return (
    <Page screen="cancel" title={text("cancel_link.title")} lead={text("cancel_link.lead")}>
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <Facts link={link} />
      <div class="go"><Button kind="danger" busy={at.busy} onClick={() => setAsking(true)}>{text("cancel_appointment.button")}</Button></div>
      <p>{text("cancel_link.keep")}</p>
      {asking && (
        <Dialog title={text("cancel_appointment.title")} onClose={() => setAsking(false)}>
          <p>{text("cancel_appointment.what", when)}</p>
          <p>{text("cancel_appointment.place")}</p>
          <div class="go">
            {/* First, and so in focus: who presses Enter without reading keeps the appointment. */}
            <Button onClick={() => setAsking(false)}>{text("cancel_appointment.no")}</Button>
            <Button kind="danger" onClick={() => { setAsking(false); void act.cancel(); }}>{text("cancel_appointment.yes")}</Button>
          </div>
        </Dialog>
      )}
    </Page>
  );
}

function Facts({ link }: { link: CancelLink }) {
  const text = useText();
  return (
    <Card tone="calm">
      <dl class="facts">
        <div><dt>{text("appointment.when")}</dt><dd>{text.day(link.start, link.time_zone)}<br /><strong>{text("appointment.span", { start: text.time(link.start, link.time_zone), end: text.time(link.end, link.time_zone) })}</strong></dd></div>
        <div><dt>{text("appointment.with")}</dt><dd>{link.service.name}</dd></div>
        <div><dt>{text("appointment.reference")}</dt><dd class="reference">{link.reference}</dd></div>
      </dl>
    </Card>
  );
}
