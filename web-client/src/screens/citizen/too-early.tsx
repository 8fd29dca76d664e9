// The link before its time: when it opens, how long that is, and the devices can be tried already.

import { calendarUrl } from "../../core/api";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { useNow, useText } from "../../ui/hooks";
import { Card, Notice, Page } from "../../ui/page";
import { DocumentList } from "../document-list";
import { noticeText } from "../notices";
import { CancelAppointment } from "./cancel";
import { DeleteEverything } from "./erase";
import { AppointmentCard, Preparation, PrivacyNote } from "./welcome";
import type { CitizenView } from "./view";

export function TooEarly({ at, act, fixed, documents, documentsAct }: CitizenView) {
  const text = useText();
  const link = at.link!;
  const ticking = useNow(at.serverAheadMs);
  const leftS = Math.max(0, Math.ceil((Date.parse(link.opens) - (fixed?.now ?? ticking)) / 1000));
  const days = Math.floor(leftS / 86_400), hours = Math.floor(leftS / 3_600) % 24, minutes = Math.floor(leftS / 60) % 60;
  return (
    <Page screen="too_early" title={text("early.title")} lead={text("early.lead", { day: text.day(link.opens, link.time_zone), time: text.time(link.opens, link.time_zone) })}>
      <Card tone="warm">
        <p class="countdown-label">{text("early.opens_in")}</p>
        <p class="countdown" role="timer">
          {days > 0 ? `${text.count("days", days)} ${text.count("hours", hours)}` : hours > 0 ? `${text.count("hours", hours)} ${text.count("minutes", minutes)}`
            : leftS >= 60 ? text.count("minutes", minutes) : text.count("seconds", leftS)}
        </p>
        <p>{text("early.stay")}</p>
      </Card>
      <div class="go"><Button kind="primary" icon="camera" onClick={act.toCheck}>{text("early.test")}</Button></div>
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <AppointmentCard link={link} />
      {at.moved && <div role="status"><Notice kind="good">{text("moved.done")}</Notice></div>}
      <div class="go">
        <Button icon="clock" onClick={act.toReschedule}>{text("moved.button")}</Button>
        {!link.guest && <a class="button button-plain" href={calendarUrl} download="appointment.ics"><Icon name="clock" /><span>{text("calendar.add")}</span></a>}
        <Button icon="phone" onClick={act.toCallBack}>{text("call_back.button")}</Button>
      </div>
      <CancelAppointment at={at} act={act} fixed={fixed} />
      <DocumentList documents={documents} documentsAct={documentsAct} />
      <h2>{text("prepare.title")}</h2>
      <Preparation />
      <PrivacyNote />
      <DeleteEverything at={at} act={act} fixed={fixed} />
    </Page>
  );
}
