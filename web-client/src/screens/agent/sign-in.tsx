// Name and password; what went wrong is said at the form and belongs to its fields.

import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Notice, Page } from "../../ui/page";
import { noticeText } from "../notices";
import type { AgentView } from "./view";

export function SignIn({ at, act }: AgentView) {
  const text = useText();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [missing, setMissing] = useState(false);
  const problem = missing ? text("sign_in.missing") : at.notice === "slow_down" ? text.count("sign_in.slow_down", at.retryAfterS ?? 30)
    : at.notice ? noticeText(text, at.notice) : undefined;
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (problem) field.current?.focus();
  }, [problem]);
  const submit = (event: Event) => {
    event.preventDefault();
    const incomplete = username.trim() === "" || password === "";
    setMissing(incomplete);
    if (!incomplete) void act.signIn(username.trim(), password);
  };
  const invalid = problem !== undefined || undefined;
  return (
    <Page screen="sign_in" title={text("sign_in.title")} lead={text("sign_in.lead")}>
      <form class="sign-in card" onSubmit={submit} noValidate>
        <div role="alert" id="sign-in-problem">{problem && <Notice kind="warning">{problem}</Notice>}</div>
        <label class="field">
          <span>{text("sign_in.username")}</span>
          <input ref={field} name="username" type="text" autoComplete="username" autoCapitalize="none" spellcheck={false} required value={username} aria-invalid={invalid} aria-describedby={invalid && "sign-in-problem"} onInput={(event) => setUsername(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>{text("sign_in.password")}</span>
          <input name="password" type="password" autoComplete="current-password" required maxLength={128} value={password} aria-invalid={invalid} aria-describedby={invalid && "sign-in-problem"} onInput={(event) => setPassword(event.currentTarget.value)} />
        </label>
        <div class="go"><Button kind="primary" submit busy={at.busy}>{text("sign_in.submit")}</Button></div>
      </form>
    </Page>
  );
}
