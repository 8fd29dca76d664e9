// The frame of every screen but the call: name of the service, language, content, help.

import type { ComponentChildren } from "preact";
import { languages, type Language } from "../core/text";
import { Icon, Logo } from "./icon";
import { useFocus, useSurroundings, useText, useTitle } from "./hooks";

interface PageProps {
  /** Name of the screen: a change of it moves the focus to the heading. */
  screen: string;
  title: string;
  /** Shown in the browser's tab when it should say something else than the heading. */
  tab?: string;
  wide?: boolean;
  lead?: ComponentChildren;
  tools?: ComponentChildren;
  /** The screen puts the focus somewhere better than the heading. */
  ownFocus?: boolean;
  children?: ComponentChildren;
}

export function Page({ screen, title, tab, wide = false, lead, tools, ownFocus = false, children }: PageProps) {
  const heading = useFocus<HTMLHeadingElement>(ownFocus ? "" : screen);
  const { serviceName } = useSurroundings();
  useTitle(`${tab ?? title} – Visavis`);
  return (
    <div class={`page ${wide ? "page-wide" : ""}`}>
      <header class="bar">
        <p class="brand"><Logo /><span class="brand-name">Visavis</span>{serviceName && <span class="brand-service">{serviceName}</span>}</p>
        <div class="bar-tools">{tools}<LanguageSelect /></div>
      </header>
      <main class="content" data-screen={screen}>
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
        {children}
      </main>
      <Help />
    </div>
  );
}

export function LanguageSelect() {
  const { text, setLanguage } = useSurroundings();
  return (
    <label class="language">
      <Icon name="globe" size={20} />
      <span class="visually-hidden">{text("language")}</span>
      <select value={text.language} onChange={(event) => setLanguage(event.currentTarget.value as Language)}>
        {languages.map(({ code, name }) => <option value={code} lang={code}>{name}</option>)}
      </select>
    </label>
  );
}

function Help() {
  const { phone, beforeMail, staff } = useSurroundings();
  const text = useText();
  // The helpdesk is for citizens; who works here knows whom to ask.
  if (staff || (beforeMail && !phone)) return null;
  return (
    <footer class="help">
      <Icon name="phone" size={20} />
      {phone ? <p>{text("help.question")} <PhoneLink phone={phone} /></p> : <p>{text("help.no_number")}</p>}
    </footer>
  );
}

export function PhoneLink({ phone }: { phone: string }) {
  return <a class="phone" href={`tel:${phone.replace(/[^+\d]/g, "")}`}>{phone}</a>;
}

export function Card({ children, tone }: { children: ComponentChildren; tone?: "calm" | "warm" }) {
  return <section class={`card ${tone ? `card-${tone}` : ""}`}>{children}</section>;
}

export function Notice({ kind, children, action }: { kind: "info" | "warning" | "good"; children: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class={`notice notice-${kind}`}>
      <Icon name={kind === "info" ? "info" : kind === "good" ? "done" : "warning"} />
      <div class="notice-text">{children}</div>
      {action}
    </div>
  );
}

/** Says something to those who listen, politely; always in the page so that a change is noticed. */
export function Announcer({ children }: { children?: ComponentChildren }) {
  return <div class="visually-hidden" role="status" aria-live="polite">{children}</div>;
}

/** Shown and said when the line to the service is down. */
export function LineNotice({ down }: { down: boolean }) {
  const text = useText();
  return <div role="status" class="line-notice">{down && <Notice kind="warning">{text("line.reconnecting")}</Notice>}</div>;
}
