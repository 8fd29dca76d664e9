// Who waits, in the order in which they should be called; beside it the rest of the day.

import { useState } from "preact/hooks";
import type { BookableService, DeskRow } from "../../core/protocol";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { useNow, useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Announcer, LineNotice, Notice, Page } from "../../ui/page";
import { languages } from "../../core/text";
import { isGood, noticeText } from "../notices";
import { CallbackList } from "./callbacks";
import type { AgentView } from "./view";

const MESSAGE_CHARACTERS_MAX = 500;

export function Desk(view: AgentView) {
  const { at, act, fixed } = view;
  const text = useText();
  const ticking = useNow(at.serverAheadMs);
  const now = fixed?.now ?? ticking;
  const [writing, setWriting] = useState<DeskRow | undefined>(fixed?.dialog === "message" ? at.rows[0] : undefined);
  const waiting = at.rows.filter((row) => row.state === "waiting" || row.state === "ringing");
  const others = at.rows.filter((row) => !waiting.includes(row));
  const since = (row: DeskRow) => (row.since ? Math.max(0, Math.floor((now - Date.parse(row.since)) / 60_000)) : 0);
  return (
    <Page screen="desk" wide title={text("desk.title")} tab={waiting.length > 0 ? `(${waiting.length}) ${text("desk.title")}` : text("desk.title")}
      tools={<><p class="who"><Icon name="person" size={20} />{at.account?.name}</p><Button kind="quiet" icon="leave" onClick={act.signOut}>{text("desk.sign_out")}</Button></>}>
      <LineNotice down={at.line !== "ready"} />
      <div role="status">{at.notice && <Notice kind={isGood(at.notice) ? "good" : "warning"}>{noticeText(text, at.notice)}</Notice>}</div>
      <div class="desk">
        <section class="desk-waiting" aria-labelledby="waiting-title">
          <h2 id="waiting-title">{text("desk.waiting")} <span class="badge">{waiting.length}</span></h2>
          {waiting.length === 0
            ? <div class="empty"><Icon name="done" size={44} /><p><strong>{text(at.deskKnown ? "desk.empty" : "desk.loading")}</strong></p><p>{text("desk.empty_what")}</p></div>
            : (
              <table class="people">
                <thead><tr><th scope="col">{text("desk.person")}</th><th scope="col">{text("desk.slot")}</th><th scope="col">{text("desk.since")}</th><th scope="col">{text("desk.do")}</th></tr></thead>
                <tbody>
                  {waiting.map((row) => (
                    <tr key={row.appointment}>
                      <th scope="row"><span class="person-name">{row.name}</span><Assured row={row} /><span class="person-more">{row.reference} · <LanguageName code={row.language} />{row.presence === "away" && <em> · {text("desk.away")}</em>}</span><Told row={row} services={at.services} /></th>
                      <td class="people-slot">{text.time(row.start)}–{text.time(row.end)}</td>
                      <td>{since(row) < 1 ? text("desk.just_now") : text.count("minutes", since(row))}</td>
                      <td class="people-do">
                        {row.state === "ringing"
                          ? <span class="ringing-by">{text("desk.ringing_by", { name: row.agent ?? "" })}</span>
                          : <>
                              <Button kind="quiet" icon="message" onClick={() => setWriting(row)}>{text("desk.message")}</Button>
                              <Button kind="primary" icon="phone" busy={at.busy || at.line !== "ready"} onClick={() => void act.call(row)}>{text("desk.call")}</Button>
                            </>}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
        </section>
        <section class="desk-others" aria-labelledby="others-title">
          <h2 id="others-title">{text("desk.others")}</h2>
          {others.length === 0 ? <p class="hint">{text("desk.others_empty")}</p> : (
            <table class="others">
              <thead class="visually-hidden"><tr><th scope="col">{text("desk.slot")}</th><th scope="col">{text("desk.person")}</th><th scope="col">{text("desk.do")}</th></tr></thead>
              <tbody>
                {others.map((row) => (
                  <tr key={row.appointment}>
                    <td class="others-time">{text.time(row.start)}</td>
                    <th scope="row"><strong>{row.name}</strong><Assured row={row} /><span class="person-more">{stateText(view, row)}</span><Told row={row} services={at.services} /></th>
                    <td class="people-do">{row.state === "in_call" && <Button icon="back" busy={at.busy} onClick={() => void act.comeBack(row)}>{text(row.agent && row.agent !== at.account?.name ? "desk.join" : "desk.return")}</Button>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <CallbackList at={at} act={act} />
        </section>
      </div>
      <Announcer>{at.arrived && <span key={at.arrived.count}>{text("desk.arrived", { name: at.arrived.name })}</span>}</Announcer>
      {writing && <MessageDialog row={writing} onClose={() => setWriting(undefined)} onSend={(message) => { setWriting(undefined); void act.notify(writing, message); }} />}
    </Page>
  );

  function stateText({ at }: AgentView, row: DeskRow): string {
    switch (row.state) {
      case "in_call": return row.agent ? text("desk.in_call_with", { name: row.agent === at.account?.name ? text("desk.you") : row.agent }) : text("desk.in_call_alone");
      case "left": return text("desk.left");
      default: return text("desk.expected");
    }
  }
}

/** What the booking told: the topic, and the citizen's note. */
function Told({ row, services }: { row: DeskRow; services: BookableService[] }) {
  const { language } = useText();
  const topic = services.find((one) => one.key === row.service)?.topics.find((one) => one.key === row.topic);
  if (!topic && !row.note) return null;
  return <span class="person-more">{topic && (topic.names[language] ?? topic.names["en"])}{row.note && <q class="note">{row.note}</q>}</span>;
}

/** How sure an identity provider was of who this is, and of which name. Nothing where nobody asked it. */
export function Assured({ row }: { row: Pick<DeskRow, "assurance" | "vouched_name"> }) {
  const text = useText();
  if (!row.assurance) return null;
  return <span class="person-more">{text(`assurance.${row.assurance}`)}{row.vouched_name && <> · {text("assurance.as", { name: row.vouched_name })}</>}</span>;
}

function LanguageName({ code }: { code: string }) {
  return <span lang={code}>{languages.find((language) => language.code === code)?.name ?? code}</span>;
}

function MessageDialog({ row, onClose, onSend }: { row: DeskRow; onClose(): void; onSend(message: string): void }) {
  const text = useText();
  const [message, setMessage] = useState("");
  const ready = [text("message.ready_minutes"), text("message.ready_colleague"), text("message.ready_documents")];
  return (
    <Dialog title={text("message.title", { name: row.name })} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); if (message.trim()) onSend(message.trim()); }}>
        <div class="ready-messages">{ready.map((one) => <button type="button" class="chip" onClick={() => setMessage(one)}>{one}</button>)}</div>
        <label class="field"><span>{text("message.text")}</span><textarea rows={3} maxLength={MESSAGE_CHARACTERS_MAX} value={message} onInput={(event) => setMessage(event.currentTarget.value)} /></label>
        <div class="go"><Button kind="primary" icon="message" submit>{text("message.send")}</Button><Button kind="quiet" onClick={onClose}>{text("cancel")}</Button></div>
      </form>
    </Dialog>
  );
}
