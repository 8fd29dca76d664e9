// Who, when, what to have ready, and that nothing is recorded: before anything is asked of the person.

import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Icon, type IconName } from "../../ui/icon";
import { Card, LineNotice, Page } from "../../ui/page";
import type { Key } from "../../core/text";
import { noticeText } from "../notices";
import { Notice } from "../../ui/page";
import type { Link } from "../../core/protocol";
import { CancelAppointment } from "./cancel";
import type { CitizenView } from "./view";

const READY: [IconName, Key, Key][] = [
  ["quiet", "prepare.quiet", "prepare.quiet_why"],
  ["light", "prepare.light", "prepare.light_why"],
  ["headset", "prepare.headset", "prepare.headset_why"],
  ["card", "prepare.card", "prepare.card_why"],
];

export function Welcome({ at, act, fixed }: CitizenView) {
  const text = useText();
  const link = at.link!;
  if (link.guest) {
    return (
      <Page screen="welcome" title={text("guest.welcome_title")} tab={text("welcome.tab")} lead={text("guest.welcome_lead", { kind: text(`guest.kind_${link.guest}`) })}>
        <LineNotice down={at.line === "reconnecting"} />
        {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
        <AppointmentCard link={link} />
        <div class="go"><Button kind="primary" icon="door" onClick={act.toCheck}>{text("guest.continue")}</Button><p class="hint">{text("guest.continue_hint")}</p></div>
        <PrivacyNote kept="guest.kept" />
      </Page>
    );
  }
  return (
    <Page screen="welcome" title={text("welcome.title", { name: link.name })} tab={text("welcome.tab")} lead={text("welcome.lead")}>
      <LineNotice down={at.line === "reconnecting"} />
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <AppointmentCard link={link} />
      <div class="go"><Button kind="primary" icon="door" onClick={act.toCheck}>{text("welcome.join")}</Button><p class="hint">{text("welcome.join_hint")}</p></div>
      <CancelAppointment at={at} act={act} fixed={fixed} />
      <h2>{text("prepare.title")}</h2>
      <Preparation />
      <PrivacyNote />
    </Page>
  );
}

export function AppointmentCard({ link }: { link: Link }) {
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

export function Preparation() {
  const text = useText();
  return (
    <ul class="ready">
      {READY.map(([icon, what, why]) => (
        <li><span class="ready-icon"><Icon name={icon} size={28} /></span><div><strong>{text(what)}</strong><p>{text(why)}</p></div></li>
      ))}
    </ul>
  );
}

export function PrivacyNote({ kept = "privacy.kept" }: { kept?: Key }) {
  const text = useText();
  return (
    <section class="privacy" aria-labelledby="privacy-title">
      <h2 id="privacy-title"><Icon name="lock" />{text("privacy.title")}</h2>
      <p>{text("privacy.not_recorded")}</p>
      <p>{text(kept)}</p>
    </section>
  );
}
