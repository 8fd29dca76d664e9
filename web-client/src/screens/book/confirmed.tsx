// It is booked: the reference to say on the phone, the link and its ways to another device, what to have ready.

import { useRef, useState } from "preact/hooks";
import { calendarUrl } from "../../core/api";
import type { Confirmed } from "../../core/booking";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Card, Notice, Page } from "../../ui/page";
import { QrPicture } from "../../ui/qr";
import { ZoneHint } from "../../ui/zone-hint";
import { Preparation } from "../citizen/welcome";
import { TopicAbout } from "./choose";
import { said, type BookingView } from "./view";
import { DocumentList } from "../document-list";

export function ConfirmedPage({ at, act, documents, documentsAct }: BookingView) {
  const text = useText();
  const [copied, setCopied] = useState(false);
  const booked = at.confirmed!;
  const service = at.services?.find((one) => one.key === booked.service);
  const topic = service?.topics.find((one) => one.key === booked.topic);
  const zone = service?.time_zone;
  const field = useRef<HTMLInputElement>(null);
  // Where the browser does not copy for the page, the link is marked for the person to copy.
  const mark = () => {
    field.current?.focus();
    field.current?.select();
  };
  const copy = () => {
    if (navigator.clipboard) navigator.clipboard.writeText(booked.join_url).then(() => setCopied(true), mark);
    else mark();
  };
  return (
    <Page screen="book_confirmed" title={text("booked.title")} lead={text("booked.lead")}>
      <Card tone="calm">
        <dl class="facts">
          <div><dt>{text("appointment.when")}</dt><dd>{text.day(booked.start, zone)}<br /><strong>{text("appointment.span", { start: text.time(booked.start, zone), end: text.time(booked.end, zone) })}</strong></dd></div>
          {service && <div><dt>{text("appointment.with")}</dt><dd>{said(service.names, text.language)}{topic && <><br />{said(topic.names, text.language)}</>}</dd></div>}
          <div><dt>{text("appointment.reference")}</dt><dd class="reference reference-large">{booked.reference}</dd></div>
        </dl>
        <ZoneHint zone={zone} at={booked.start} />
        <p class="hint">{text("booked.reference_hint")}</p>
      </Card>
      <Notice kind="warning"><p><strong>{text("booked.keep_title")}</strong></p><p>{text("booked.keep")}</p></Notice>
      {booked.mail && <Notice kind="info"><p>{text("booked.mail")}</p></Notice>}
      <section class="keep" aria-labelledby="link-title">
        <h2 id="link-title"><Icon name="door" />{text("booked.link_title")}</h2>
        <div class="keep-ways">
          <div class="keep-link">
            <div class="field"><label for="link">{text("booked.link")}</label><input ref={field} id="link" type="text" readOnly value={booked.join_url} onFocus={(event) => event.currentTarget.select()} /></div>
            <p class="on-paper">{booked.join_url}</p>
            <div class="go">
              <Button kind="primary" icon={copied ? "check" : "message"} onClick={copy}>{text("booked.copy")}</Button>
              <Button icon="card" onClick={() => print()}>{text("booked.print")}</Button>
            </div>
            <p role="status" class="hint">{copied && <><Icon name="check" size={18} /> {text("guests.copied")}</>}</p>
            {booked.opened && <p><a class="button button-plain" href={calendarUrl} download="appointment.ics"><Icon name="clock" /><span>{text("calendar.add")}</span></a></p>}
            <p><a class="button button-plain" href={booked.join_url}><Icon name="door" /><span>{text("booked.open")}</span></a></p>
          </div>
          <figure class="keep-qr"><QrPicture rows={booked.qr} label={text("booked.qr")} /><figcaption>{text("booked.qr_hint")}</figcaption></figure>
        </div>
      </section>
      <FollowingDocuments booked={booked} documents={documents} documentsAct={documentsAct} onAgain={() => void act.follow()} />
      {topic && <TopicAbout topic={topic} />}
      <h2>{text("prepare.title")}</h2>
      <Preparation />
      {booked.mine && <p><a href="/mine">{text("mine.title")}</a></p>}
      <div class="go"><Button kind="quiet" onClick={act.another}>{text("booked.another")}</Button></div>
    </Page>
  );
}

/** Documents go out now that there is an appointment for them; the page says how far they are, and what did not get through. */
function FollowingDocuments({ booked, documents, documentsAct, onAgain }: Pick<BookingView, "documents" | "documentsAct"> & { booked: Confirmed; onAgain(): void }) {
  const text = useText();
  const lost = booked.files.filter((file) => file.lost);
  const isSending = documents.sending.some(({ problem }) => !problem);
  return (
    <>
      {!booked.opened && booked.files.length > 0 && <Notice kind="warning" action={<Button onClick={onAgain}>{text("try_again")}</Button>}>{text("booked.documents_wait")}</Notice>}
      {isSending && <Notice kind="info">{text("booked.documents_stay")}</Notice>}
      {lost.length > 0 && <Notice kind="warning"><p>{text("booked.documents_lost")}</p><ul>{lost.map(({ name }) => <li>{name}</li>)}</ul></Notice>}
      {documents.known && <DocumentList documents={documents} documentsAct={documentsAct} />}
    </>
  );
}
