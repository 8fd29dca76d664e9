// What an identity provider wrote into the address of who comes back from it. Believes nothing of it.

import type { SignInEnd } from "./protocol";

/** What the provider wrote into the address; nothing when somebody only opened the page. */
export function cameBack(search: string): SignInEnd | undefined {
  const query = new URLSearchParams(search);
  const [state, code, error, iss] = ["state", "code", "error", "iss"].map((name) => query.get(name) ?? undefined);
  return state ? { state, ...(code ? { code } : {}), ...(error ? { error } : {}), ...(iss ? { iss } : {}) } : undefined;
}
