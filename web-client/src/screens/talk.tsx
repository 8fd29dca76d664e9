// What people write to each other, beside the pictures: the chat, which is kept for a while, and real-time text, which is not. Texts are shown as texts, whatever they hold.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Ref } from "preact";
import type { Chat, ChatView, Unsent } from "../core/chat";
import type { LiveText, LiveTextState, Speaker } from "../core/live-text";
import type { ChatMessage } from "../core/protocol";
import type { Store } from "../core/store";
import type { Text } from "../core/text";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { useStore, useText } from "../ui/hooks";
import { Icon } from "../ui/icon";

export interface TalkView {
  /** Watched where they are shown: a letter is no reason to look at the whole page again. */
  chat: Store<ChatView>;
  liveText: Store<LiveTextState>;
  chatAct: Pick<Chat, "say" | "discard" | "typing" | "show">;
  textAct: Pick<LiveText, "edit" | "newLine">;
  /** Names of the others by number, for who writes now. */
  names: Record<number, string>;
  zone?: string;
}

/** Both, in the call. */
export function Talk({ talk, messageRef }: { talk: TalkView; messageRef: Ref<HTMLTextAreaElement> }) {
  return (
    <div class="talk">
      <ChatPanel talk={talk} messageRef={messageRef} />
      <LiveTextPanel talk={talk} />
    </div>
  );
}

function ChatPanel({ talk: { chat: store, chatAct, names, zone }, messageRef }: { talk: TalkView; messageRef: Ref<HTMLTextAreaElement> }) {
  const text = useText();
  const chat = useStore(store);
  const [draft, setDraft] = useState("");
  const writing = chat.typing.map((participant) => names[participant]).filter((name) => name !== undefined).join(", ");
  const send = () => {
    chatAct.say(draft);
    setDraft("");
  };
  return (
    <section class="talk-part talk-chat" aria-labelledby="chat-title">
      <h2 id="chat-title"><Icon name="message" size={20} />{text("chat.title")}</h2>
      <ChatLog messages={chat.messages} unsent={chat.unsent} seen={chat.seen} zone={zone} act={chatAct} />
      <p class="talk-typing">{writing !== "" && text("chat.writes", { name: writing })}</p>
      <form class="talk-form" onSubmit={(event) => { event.preventDefault(); send(); }}>
        <label class="talk-field">
          <span>{text("chat.message")}</span>
          <textarea ref={messageRef} rows={2} dir="auto" value={draft} autocomplete="off" enterkeyhint="send"
            onInput={(event) => { setDraft(event.currentTarget.value); chatAct.typing(event.currentTarget.value.trim() !== ""); }}
            onKeyDown={(event) => {
              // Shift makes a new line; while a word is being composed, Enter is the composer's.
              if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
              event.preventDefault();
              send();
            }} />
        </label>
        <Button submit kind="primary">{text("chat.send")}</Button>
      </form>
    </section>
  );
}

/** What was said, for who looks and who listens. */
export function ChatLog({ messages, unsent = [], seen = 0, zone, act }: { messages: ChatMessage[]; unsent?: Unsent[]; seen?: number; zone?: string; act?: Pick<Chat, "discard" | "show"> }) {
  const text = useText();
  const log = useRef<HTMLDivElement>(null);
  const [asked, setAsked] = useState<URL>();
  const newest = messages.length + unsent.length;
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    // Who reads back is not carried away by what arrives.
    if (atEnd.current && log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [newest]);
  useEffect(() => {
    if (!act || !log.current) return undefined;
    let inView = false;
    const tell = () => act.show(inView && document.visibilityState === "visible");
    const watcher = new IntersectionObserver(([entry]) => { inView = entry?.isIntersecting === true; tell(); }, { threshold: 0.4 });
    watcher.observe(log.current);
    document.addEventListener("visibilitychange", tell);
    return () => {
      watcher.disconnect();
      document.removeEventListener("visibilitychange", tell);
      act.show(false);
    };
  }, [act]);
  const lastOwn = messages.filter((message) => message.you).pop();
  return (
    <>
      <div class="talk-log" role="log" aria-label={text("chat.title")} tabIndex={0} ref={log}
        onScroll={(event) => { const { scrollHeight, scrollTop, clientHeight } = event.currentTarget; atEnd.current = scrollHeight - scrollTop - clientHeight < 40; }}>
        {newest === 0 && <p class="hint">{text("chat.empty")}</p>}
        <ul>
          {messages.map((message) => (
            <li key={message.message} class={message.you ? "said said-you" : "said"}>
              <span class="said-who">{message.you ? text("chat.you") : who(text, message)} <time dateTime={message.at}>{text.time(message.at, zone)}</time></span>
              <Words text={message.text} onLink={setAsked} />
              {message === lastOwn && unsent.length === 0 && act && <span class="said-state" aria-live="off">{text(message.number <= seen ? "chat.seen" : "chat.delivered")}</span>}
            </li>
          ))}
          {unsent.map((one) => (
            <li key={one.message} class="said said-you said-unsent">
              <span class="said-who">{text("chat.you")}</span>
              <Words text={one.text} onLink={setAsked} />
              <span class="said-state" aria-live="off">{text(one.problem ? one.problem === "chat_full" ? "chat.full" : "chat.failed" : "chat.sending")}</span>
              {one.problem && act && <Button kind="quiet" onClick={() => act.discard(one.message)}>{text("chat.discard")}</Button>}
            </li>
          ))}
        </ul>
      </div>
      {asked && (
        <Dialog title={text("chat.link_title")} onClose={() => setAsked(undefined)}>
          <p>{text("chat.link_what", { host: asked.host })}</p>
          <p class="said-address">{asked.href}</p>
          <div class="go">
            <a class="button button-primary" href={asked.href} target="_blank" rel="noopener noreferrer" onClick={() => setAsked(undefined)}><span>{text("chat.link_open")}</span></a>
            <Button kind="quiet" onClick={() => setAsked(undefined)}>{text("cancel")}</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function who(text: Text, message: ChatMessage): string {
  return message.role === "agent" ? text("chat.of_service", { name: message.name }) : message.name;
}

/** Web addresses are buttons that ask first; everything else is letters. */
function Words({ text, onLink }: { text: string; onLink(url: URL): void }) {
  return (
    <span class="said-text" dir="auto">
      {text.split(/(https?:\/\/[^\s<>"'`]+)/u).map((part, at) => {
        const url = at % 2 === 1 ? webAddress(part) : undefined;
        return url ? <button type="button" class="said-link" onClick={() => onLink(url)}>{part}</button> : part;
      })}
    </span>
  );
}

function webAddress(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url : undefined;
  } catch {
    return undefined;
  }
}

function LiveTextPanel({ talk: { liveText: store, textAct } }: { talk: TalkView }) {
  const text = useText();
  const liveText = useStore(store);
  const mine = useMemo(() => liveText.mine.map((line) => <p key={line.key} dir="auto">{line.text}</p>), [liveText.mine]);
  return (
    <section class="talk-part talk-live" aria-labelledby="live-title">
      <h2 id="live-title"><Icon name="live" size={20} />{text("live.title")}</h2>
      <div class="live-logs">
        {liveText.others.map((one) => <LiveLog key={one.participant} speaker={one} />)}
        {liveText.mine.length > 0 && (
          <div class="live-log live-mine" role="log" aria-live="off" aria-label={text("live.mine")}>
            <p class="said-who" aria-hidden="true">{text("chat.you")}</p>
            {mine}
          </div>
        )}
      </div>
      <div class="talk-field">
        <input type="text" dir="auto" value={liveText.draft} autocomplete="off" aria-labelledby="live-title" aria-describedby="live-hint" onInput={(event) => textAct.edit(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.isComposing) return;
            event.preventDefault();
            textAct.newLine();
          }} />
      </div>
      <p id="live-hint" class="hint">{text("live.hint")}</p>
    </section>
  );
}

/** A line is said once, when it is complete; while it grows it can be read, but nobody is interrupted by it. */
function LiveLog({ speaker: { name, lines, now } }: { speaker: Speaker }) {
  const text = useText();
  const log = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [lines, now]);
  const complete = useMemo(() => lines.map((line) => <p key={line.key} dir="auto">{line.text}</p>), [lines]);
  return (
    <div>
      <p class="said-who" aria-hidden="true">{name}</p>
      <div class="live-log" role="log" aria-label={text("live.of", { name })} tabIndex={0} ref={log}>
        {complete}
        <p class="live-now" aria-live="off" dir="auto">{now}</p>
      </div>
    </div>
  );
}

/** Before the admission and after being put back: to be seen, not to be written to. */
export function LockedChat({ chat: store, zone }: { chat: Store<ChatView>; zone?: string }) {
  const text = useText();
  const chat = useStore(store);
  return (
    <section class="transcript" aria-labelledby="chat-title">
      <h2 id="chat-title"><Icon name="lock" />{text("chat.title")}</h2>
      {chat.messages.length > 0 && <ChatLog messages={chat.messages} zone={zone} />}
      <p class="hint">{text("chat.locked")}</p>
    </section>
  );
}

/** What was said, after the call, as long as it is kept. */
export function Transcript({ messages, zone }: { messages?: ChatMessage[]; zone?: string }) {
  const text = useText();
  if (!messages || messages.length === 0) return null;
  return (
    <section class="transcript" aria-labelledby="chat-title">
      <h2 id="chat-title"><Icon name="message" />{text("chat.title")}</h2>
      <ChatLog messages={messages} zone={zone} />
    </section>
  );
}
