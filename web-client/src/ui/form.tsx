// Parts of a form: a field with its hint and its fault, one choice of several, what is wrong told together. Knows no form.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Notice } from "./page";

interface TextFieldProps {
  id: string;
  label: string;
  hint?: string;
  /** What is wrong with it. */
  fault?: string;
  value: string;
  onInput(value: string): void;
  type?: "text" | "email" | "tel";
  autoComplete?: "name" | "email" | "tel";
  required?: boolean;
  maxLength?: number;
  /** More than one line. */
  rows?: number;
  /** Shown under it: characters left. */
  counter?: string;
}

export function TextField({ id, label, hint, fault, value, onInput, type = "text", autoComplete, required, maxLength, rows, counter }: TextFieldProps) {
  const described = [hint && `${id}-hint`, counter && `${id}-counter`, fault && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  const common = { id, value, required, maxLength, "aria-invalid": fault ? true : undefined, "aria-describedby": described } as const;
  return (
    // The hint stands outside the label: the field's name stays one word.
    <div class="field">
      <label for={id}>{label}</label>
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {fault && <p class="fault" id={`${id}-fault`}>{fault}</p>}
      {rows
        ? <textarea {...common} rows={rows} onInput={(event) => onInput(event.currentTarget.value)} />
        : <input {...common} type={type} autoComplete={autoComplete} spellcheck={type === "text" ? undefined : false}
            onInput={(event) => onInput(event.currentTarget.value)} />}
      {counter && <p class="hint counter" id={`${id}-counter`}>{counter}</p>}
    </div>
  );
}

interface ChoiceProps {
  id?: string;
  /** One name for those that exclude each other; without one it is a box to tick. */
  group?: string;
  checked: boolean;
  onChoose(checked: boolean): void;
  disabled?: boolean;
  small?: boolean;
  invalid?: boolean;
  children: ComponentChildren;
}

/** A radio button, or a box to tick, with a large area to press. */
export function Choice({ id, group, checked, onChoose, disabled, small, invalid, children }: ChoiceProps) {
  return (
    <label class={`choice ${small ? "choice-small" : ""}`}>
      <input id={id} type={group ? "radio" : "checkbox"} name={group} checked={checked} disabled={disabled} aria-invalid={invalid || undefined} onChange={(event) => onChoose(event.currentTarget.checked)} />
      <span>{children}</span>
    </label>
  );
}

/** What is wrong, together, each leading to its field. Takes the focus each time that it is told anew (`told` counts), not while somebody mends it. */
export function Faults({ title, faults, told }: { title: string; faults: { id: string; text: string }[]; told: number }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    ref.current?.focus();
  }, [told]);
  if (faults.length === 0) return null;
  return (
    <div ref={ref} tabIndex={-1} role="alert" class="faults">
      <Notice kind="warning">
        <p><strong>{title}</strong></p>
        <ul>{faults.map(({ id, text }) => (
          <li><a href={`#${id}`} onClick={(event) => { event.preventDefault(); document.getElementById(id)?.focus(); }}>{text}</a></li>
        ))}</ul>
      </Notice>
    </div>
  );
}

/** Why what was asked for did not happen. Said, and brought into view where somebody pressed a button far below. */
export function Refusal({ children, focus = true }: { children?: string; focus?: boolean }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (children && focus) ref.current?.focus();
  }, [children, focus]);
  return <div ref={ref} role="status" tabIndex={-1} class="refusal">{children && <Notice kind="warning">{children}</Notice>}</div>;
}
