// Everything once more before it is booked, each part with a way back to it.

import type { ComponentChildren } from "preact";
import { serviceOf, stepsOf, topicOf, type Step } from "../../core/booking-steps";
import type { Key } from "../../core/text";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { ZoneHint } from "../../ui/zone-hint";
import { sizeText } from "../size";
import { TopicAbout } from "./choose";
import { StepPage } from "./step";
import { said, type BookingView } from "./view";

export function Review(view: BookingView) {
  const { at, act } = view;
  const text = useText();
  const services = at.services ?? [];
  const service = serviceOf(at.draft, services)!, topic = topicOf(at.draft, services)!, slot = at.draft.slot!;
  const { name, email, phone, note, files } = at.draft;
  const steps = stepsOf(services, at.draft);
  const cards = files.filter(({ kind }) => kind === "identity_copy"), others = files.filter(({ kind }) => kind === "document");
  const part = (step: Step, title: Key, children: ComponentChildren) => (
    <div><dt>{text(title)}</dt><dd>{children}</dd><dd class="change"><Button kind="quiet" label={`${text("book.change")}: ${text(title)}`} onClick={() => act.go(step)}>{text("book.change")}</Button></dd></div>
  );
  return (
    <StepPage {...view} step="review" title="book.review_title" lead="book.review_lead" next="book.confirm" onNext={() => void act.confirm(text.language)}>
      <dl class="review">
        {steps[0] === "service" && part("service", "appointment.with", said(service.names, text.language))}
        {part("topic", "book.topic", said(topic.names, text.language))}
        {part("time", "appointment.when", <>{text.day(slot.start, service.time_zone)}<br /><strong>{text("appointment.span", { start: text.time(slot.start, service.time_zone), end: text.time(slot.end, service.time_zone) })}</strong><ZoneHint zone={service.time_zone} at={slot.start} /></>)}
        {part("details", "book.you", <>{name.trim()}<br />{email.trim()}{phone.trim() && <><br />{phone.trim()}</>}{note.trim() && <><br /><q class="note">{note.trim()}</q></>}</>)}
        {steps.includes("identity") && part("identity", "docs.card", cards.map(({ name, size }) => <>{name} <span class="hint">{sizeText(text, size)}</span></>))}
        {steps.includes("documents") && part("documents", "book.documents", others.length === 0 ? text("book.documents_none") : <ul class="plain-list">{others.map(({ name, size }) => <li>{name} <span class="hint">{sizeText(text, size)}</span></li>)}</ul>)}
      </dl>
      {(others.length > 0 || (steps.includes("identity") && cards.length > 0)) && <p class="hint">{text("book.sent_on_confirm")}</p>}
      {at.sent !== undefined && <p class="sending"><progress max={100} value={Math.floor(at.sent * 100)} aria-label={text("book.card_sending")} /><span role="status" class="hint">{text("book.card_sending")}</span></p>}
      <TopicAbout topic={topic} />
    </StepPage>
  );
}
