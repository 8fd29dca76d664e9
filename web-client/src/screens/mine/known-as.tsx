// Who is signed in at the identity provider, how sure it is, and the way out.

import type { Me } from "../../core/protocol";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Notice } from "../../ui/page";

export function KnownAs({ me, onSignOut }: { me: Me; onSignOut(): void }) {
  const text = useText();
  return (
    <Notice kind="good" action={<Button kind="quiet" icon="leave" onClick={onSignOut}>{text("mine.sign_out")}</Button>}>
      <p>{text("mine.known_as")} <strong>{me.name}</strong></p>
      <p class="hint">{text(`assurance.${me.assurance}`)}</p>
    </Notice>
  );
}
