// What the citizen has sent, for the agent in the call. The copy of an identity card is named and never given as a file.

import { documentUrlOf } from "../../core/api";
import type { AppointmentId, DocumentEntry } from "../../core/protocol";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { sizeText } from "../size";

export function CitizenDocuments({ appointment, documents, busy, onLook }: { appointment: AppointmentId; documents?: DocumentEntry[]; busy: boolean; onLook(): void }) {
  const text = useText();
  return (
    <section class="documents" aria-labelledby="documents-title">
      <h2 id="documents-title">{text("docs.of_citizen")}</h2>
      <div role="status">{documents?.length === 0 && <p class="hint">{text("docs.none")}</p>}</div>
      {documents && documents.length > 0 && (
        <ul class="document-list">
          {documents.map((entry) => (
            <li key={entry.id}>
              <Icon name={entry.kind === "identity_copy" ? "card" : "document"} />
              <div class="document-what">
                {entry.kind === "identity_copy" ? <span>{text("docs.card_there")}</span> : <a href={documentUrlOf(appointment, entry.id)} download={entry.name}>{entry.name}</a>}
                <span class="hint">{sizeText(text, entry.bytes)}</span>
              </div>
            </li>
          ))}
        </ul>
      )}
      <Button kind="quiet" icon="document" busy={busy} onClick={onLook}>{text("docs.look")}</Button>
    </section>
  );
}
