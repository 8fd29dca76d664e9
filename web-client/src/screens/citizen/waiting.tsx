// The waiting room: own picture, own place, what the agents say, and the way out.

import type { ComponentChildren } from "preact";
import { Button } from "../../ui/button";
import { CameraSwitch, DeviceChoices } from "../../ui/devices";
import { useNow, useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Announcer, Card, LineNotice, Notice, Page } from "../../ui/page";
import { SelfView } from "../../ui/picture";
import { DocumentList } from "../document-list";
import { noticeText } from "../notices";
import { LockedChat } from "../talk";
import type { CitizenView } from "./view";

/** A guest at the door: no place in a queue, the agent of a running call decides. */
export function Door(view: CitizenView) {
  const { at } = view;
  const text = useText();
  return (
    <Page screen="door" title={text("guest.door_title")} lead={text("guest.door_lead")}>
      <LineNotice down={at.line === "reconnecting" || at.line === "connecting"} />
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <Room view={view} leave={text("guest.leave_door")} />
    </Page>
  );
}

export function Waiting(view: CitizenView) {
  const { at, fixed } = view;
  const text = useText();
  const ticking = useNow(at.serverAheadMs);
  const waiting = at.state?.waiting;
  const place = waiting?.place ?? 1;
  const minutes = waiting ? Math.max(0, Math.floor(((fixed?.now ?? ticking) - Date.parse(waiting.since)) / 60_000)) : 0;
  const messages = waiting?.messages ?? [];
  const placeText = place <= 1 ? text("waiting.next") : text.count("waiting.before", place - 1);
  const last = messages[messages.length - 1];
  return (
    <Page screen="waiting" title={text("waiting.title")} lead={text("waiting.lead")}>
      <LineNotice down={at.line === "reconnecting" || at.line === "connecting"} />
      {at.putBack && <Notice kind="info">{text("waiting.put_back")}</Notice>}
      {at.rangInVain && <Notice kind="info">{text("waiting.rang_in_vain")}</Notice>}
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <Room view={view} leave={text("waiting.leave")}>
        <Card tone="calm">
          <p class="place">{placeText}</p>
          <p class="since">{minutes < 1 ? text("waiting.just_arrived") : text.count("waiting.since", minutes)}</p>
        </Card>
        {messages.length > 0 && (
          <section class="messages" aria-labelledby="messages-title">
            <h2 id="messages-title"><Icon name="message" />{text("waiting.messages")}</h2>
            <div role="log" aria-labelledby="messages-title"><ul>{messages.map((message) => <li><time dateTime={message.at}>{text.time(message.at, at.link?.time_zone)}</time><span>{message.text}</span></li>)}</ul></div>
          </section>
        )}
        <LockedChat chat={view.talk.chat} zone={at.link?.time_zone} />
        <p>{text("waiting.what_next")}</p>
        <DocumentList documents={view.documents} documentsAct={view.documentsAct} />
      </Room>
      <Announcer>{last ? text("waiting.message_said", { message: last.text }) : placeText}</Announcer>
    </Page>
  );
}

/** Own picture, whatever else there is to say beside it, the devices, and the way out. */
function Room({ view: { at, media, seat, act, mediaAct }, leave, children }: { view: CitizenView; leave: string; children?: ComponentChildren }) {
  const text = useText();
  return (
    <>
    <div role="status">
      {seat.noMediaPath && <Notice kind="warning">{text("line.no_path")}</Notice>}
      {seat.overloaded && <Notice kind="info">{text("line.overloaded")}</Notice>}
    </div>
    <div class="waiting">
      <div class="waiting-picture">
        <SelfView preview={media.preview} away={media.facesAway} hint={media.step === "asking" ? text("check.asking_short") : undefined} />
        <p class="hint"><Icon name="lock" size={18} /> {text("waiting.not_seen")}</p>
        <CameraSwitch media={mediaAct} state={media} />
      </div>
      <div class="waiting-side">
        {children}
        <details>
          <summary>{text("check.choose")}</summary>
          <DeviceChoices media={mediaAct} state={media} />
        </details>
        <div class="go"><Button kind="quiet" icon="leave" busy={at.busy} onClick={act.leave}>{leave}</Button></div>
      </div>
    </div>
    </>
  );
}
