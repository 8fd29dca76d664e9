// The two kinds of button: one with words, and the round one of the call with its words underneath.

import type { ComponentChildren, Ref } from "preact";
import { Icon, type IconName } from "./icon";

interface ButtonProps {
  children: ComponentChildren;
  kind?: "primary" | "plain" | "danger" | "quiet" | "answer";
  icon?: IconName;
  busy?: boolean;
  submit?: boolean;
  onClick?: () => void;
  buttonRef?: Ref<HTMLButtonElement>;
  described?: string;
  /** The whole name, where the words alone do not say what is meant; begins with them. */
  label?: string;
}

export function Button({ children, kind = "plain", icon, busy = false, submit = false, onClick, buttonRef, described, label }: ButtonProps) {
  return (
    // Busy, not disabled: a disabled button loses the focus of whoever pressed it.
    <button ref={buttonRef} type={submit ? "submit" : "button"} class={`button button-${kind}`} aria-disabled={busy || undefined} aria-describedby={described} aria-label={label}
      onClick={(event) => { if (busy) event.preventDefault(); else onClick?.(); }}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

interface ControlProps {
  label: string;
  icon: IconName;
  kind?: "plain" | "off" | "danger";
  /** How many of something wait behind it; none is not shown. */
  count?: number;
  /** Says what they are. */
  countLabel?: string;
  onClick(): void;
}

export function Control({ label, icon, kind = "plain", count = 0, countLabel, onClick }: ControlProps) {
  return (
    <button type="button" class={`control control-${kind}`} onClick={onClick}>
      <span class="control-disc"><Icon name={icon} size={26} />{count > 0 && <span class="control-badge" aria-hidden="true">{count > 99 ? "99+" : count}</span>}</span>
      <span class="control-label">{label}{count > 0 && countLabel && <span class="visually-hidden">, {countLabel}</span>}</span>
    </button>
  );
}
