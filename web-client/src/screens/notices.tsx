// Words for the codes of the server, so that no screen ever shows a code.

import type { Key, Text } from "../core/text";

const KNOWN: Record<string, Key> = {
  offline: "notice.offline", no_answer: "notice.offline", unreachable: "notice.offline",
  call_gone: "notice.call_gone", too_early: "notice.too_early", late: "notice.late", elsewhere: "notice.elsewhere", closed: "notice.closed",
  taken: "notice.taken", busy: "notice.busy", not_waiting: "notice.not_waiting", not_in_call: "notice.not_in_call",
  wrong_state: "notice.wrong_state",
  not_agreed: "notice.not_agreed", unknown_guest: "notice.unknown_guest", name_taken: "notice.name_taken",
  signed_out: "notice.signed_out", wrong_credentials: "notice.wrong_credentials", message_sent: "notice.message_sent",
  sign_in_failed: "notice.sign_in_failed", sign_in_refused: "notice.sign_in_refused", not_assured: "notice.not_assured", provider_unreachable: "notice.provider_unreachable",
  other_person: "notice.other_person", wrong_code: "notice.wrong_code",
  "ended.left": "notice.ended_left", "ended.put_back": "notice.ended_put_back", "ended.unanswered": "notice.ended_unanswered",
  "ended.declined": "notice.ended_declined", "ended.closed": "notice.ended_closed",
};

export function noticeText(text: Text, code: string, values: Record<string, string | number> = {}): string {
  return text(KNOWN[code] ?? "notice.internal", values);
}

/** Good news or the plain course of things, not trouble. */
export function isGood(code: string): boolean {
  return code === "message_sent" || (code.startsWith("ended.") && code !== "ended.unanswered" && code !== "ended.declined");
}
