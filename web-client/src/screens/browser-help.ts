// Where the permission is found in the browser at hand.

import type { Key } from "../core/text";

export interface BrowserHelp {
  title: Key;
  steps: Key[];
}

export function helpFor(agent: string, bySystem: boolean): BrowserHelp {
  if (bySystem) return { title: "denied.system_title", steps: ["denied.system_1", "denied.system_2", "denied.then"] };
  if (/iPhone|iPad/.test(agent)) return { title: "denied.ios_title", steps: ["denied.ios_1", "denied.ios_2", "denied.then"] };
  if (/Android/.test(agent) && !/Firefox/.test(agent)) return { title: "denied.android_title", steps: ["denied.android_1", "denied.android_2", "denied.then"] };
  if (/Firefox/.test(agent)) return { title: "denied.firefox_title", steps: ["denied.firefox_1", "denied.firefox_2", "denied.then"] };
  if (/Edg\//.test(agent)) return { title: "denied.edge_title", steps: ["denied.chrome_1", "denied.chrome_2", "denied.then"] };
  if (/Chrome|Chromium/.test(agent)) return { title: "denied.chrome_title", steps: ["denied.chrome_1", "denied.chrome_2", "denied.then"] };
  return { title: "denied.safari_title", steps: ["denied.safari_1", "denied.safari_2", "denied.then"] };
}
