// What the citizen has sent, for the agent in the call. The copy of an identity card has a place of its own and is never given as a file.

import { documentUrlOf } from "../../core/api";
import type { AppointmentId, DocumentEntry } from "../../core/protocol";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { sizeText } from "../size";

export function CitizenDocuments({ appointment, documents: all, busy, onLook }: { appointment: AppointmentId; documents?: DocumentEntry[]; busy: boolean; onLook(): void }) {
  const text = useText();
  const documents = all?.filter(({ kind }) => kind !== "identity_copy");
  return (
    <section class="documents" aria-labelledby="documents-title">
      <h2 id="documents-title">{text("docs.of_citizen")}</h2>
      <div role="status">{documents?.length === 0 && <p class="hint">{text("docs.none")}</p>}</div>
      {documents && documents.length > 0 && (
        <ul class="document-list">
          {documents.map((entry) => (
            <li key={entry.id}>
              <Icon name="document" />
              <div class="document-what">
                <a href={documentUrlOf(appointment, entry.id)} download={entry.name}>{entry.name}</a>
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
