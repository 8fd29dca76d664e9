// The first steps: which service, the agreement to use what is typed, which topic.

import { serviceOf, topicOf } from "../../core/booking-steps";
import type { BookableTopic } from "../../core/protocol";
import { Button } from "../../ui/button";
import { Choice } from "../../ui/form";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Card, Notice } from "../../ui/page";
import { KnownAs } from "../mine/known-as";
import { CallMeBack, StepPage } from "./step";
import { listed, said, type BookingView } from "./view";

export function ChooseService(view: BookingView) {
  const { at, act } = view;
  const text = useText();
  const services = at.services ?? [];
  const faults = at.incomplete ? [{ id: `service-${services[0]?.key}`, text: text("book.service_missing") }] : [];
  return (
    <StepPage {...view} step="service" title="book.service_title" faults={faults}>
      <fieldset class="choices">
        <legend class="visually-hidden">{text("book.service_title")}</legend>
        {services.map((service) => (
          <Choice id={`service-${service.key}`} group="service" checked={at.draft.service === service.key} onChoose={() => act.put({ service: service.key })}><strong>{said(service.names, text.language)}</strong></Choice>
        ))}
      </fieldset>
    </StepPage>
  );
}

export function Consent(view: BookingView) {
  const { at, act } = view;
  const text = useText();
  const faults = at.incomplete ? [{ id: "consent", text: text("book.consent_missing") }] : [];
  return (
    <StepPage {...view} step="consent" title="book.title" lead="book.lead" faults={faults} next="book.without" onNext={act.withoutAuthentication}
      first={at.authentication && <Button kind="primary" icon="lock" busy={at.busy} onClick={() => void act.authenticate(text.language)}>{text("book.with")}</Button>}>
      {at.me && <KnownAs me={at.me} onSignOut={() => void act.signOut()} />}
      <section class="privacy" aria-labelledby="privacy-title">
        <h2 id="privacy-title"><Icon name="lock" />{text("book.privacy_title")}</h2>
        <p>{text("book.privacy_what")}</p>
        <p>{text("book.privacy_kept")}</p>
        <p>{text("privacy.not_recorded")}</p>
      </section>
      <Choice id="consent" checked={at.draft.consent} invalid={faults.length > 0} onChoose={(consent) => act.put({ consent })}>{text("book.consent")}</Choice>
      {at.authentication && <p class="hint">{text("book.with_what")}</p>}
    </StepPage>
  );
}

export function ChooseTopic(view: BookingView) {
  const { at, act } = view;
  const text = useText();
  const topics = serviceOf(at.draft, at.services ?? [])?.topics ?? [];
  const byVideo = topics.filter((topic) => topic.by_video);
  const others = topics.filter((topic) => !topic.by_video);
  const chosen = topicOf(at.draft, at.services ?? []);
  const faults = at.incomplete ? [{ id: `topic-${byVideo[0]?.key}`, text: text("book.topic_missing") }] : [];
  return (
    <StepPage {...view} step="topic" title="book.topic_title" faults={faults} aside={<CallMeBack onPress={act.callBack} />}>
      <fieldset class="choices">
        <legend class="visually-hidden">{text("book.topic_title")}</legend>
        {byVideo.map((topic) => (
          <Choice id={`topic-${topic.key}`} group="topic" checked={at.draft.topic === topic.key} onChoose={() => act.put({ topic: topic.key })}><strong>{said(topic.names, text.language)}</strong></Choice>
        ))}
      </fieldset>
      <div role="status" class="chosen">{chosen && <TopicAbout topic={chosen} />}</div>
      {others.length > 0 && (
        <section class="not-by-video" aria-labelledby="others-title">
          <h2 id="others-title">{text("book.not_by_video")}</h2>
          <dl>{others.map((topic) => <div><dt>{said(topic.names, text.language)}</dt><dd>{said(topic.instead, text.language)}</dd></div>)}</dl>
        </section>
      )}
    </StepPage>
  );
}

/** What is told with a topic: a warning, what to have ready. */
export function TopicAbout({ topic }: { topic: BookableTopic }) {
  const text = useText();
  const notice = said(topic.notice, text.language);
  const required = listed(topic.required, text.language), helpful = listed(topic.helpful, text.language);
  if (!notice && required.length + helpful.length === 0) return null;
  return (
    <>
      {notice && <Notice kind="info">{notice}</Notice>}
      {required.length + helpful.length > 0 && (
        <Card tone="calm">
          <h2>{text("book.ready_title")}</h2>
          <ul class="have-ready">
            {required.map((item) => <li><Icon name="check" size={20} /><span>{item} <em>{text("book.required")}</em></span></li>)}
            {helpful.map((item) => <li><Icon name="info" size={20} /><span>{item} <em>{text("book.helpful")}</em></span></li>)}
          </ul>
        </Card>
      )}
    </>
  );
}
