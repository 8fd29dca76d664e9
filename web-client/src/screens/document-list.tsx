// The documents of an appointment for its citizen: what is there, what is on its way, and where the rules let it the way to send more.

import type { CitizenDocuments, DocumentsState, Sending } from "../core/documents";
import type { DocumentEntry } from "../core/protocol";
import type { Key, Text } from "../core/text";
import { documentUrl } from "../core/api";
import { Button } from "../ui/button";
import { useText } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Announcer, Notice } from "../ui/page";
import { megabytes, sizeText } from "./size";

export type DocumentActions = Pick<CitizenDocuments, "load" | "send" | "cancel" | "remove" | "again">;

/** What the server takes; it judges by the bytes all the same. */
export const ACCEPTED = ".pdf,.jpg,.jpeg,.png,.heic,.heif,.tif,.tiff,.docx,.odt,application/pdf,image/jpeg,image/png,image/heic,image/tiff";

const PROBLEMS: Record<string, Key> = {
  too_many_documents: "docs.problem_too_many", too_large: "docs.problem_too_large", unfit_document: "docs.problem_unfit", no_space: "docs.problem_no_space",
  wrong_state: "docs.problem_wrong_state", unreachable: "docs.problem_unreachable",
};

/** The list, and where the rules let it, the way to send more. */
export function DocumentList({ documents, documentsAct }: { documents: DocumentsState; documentsAct: DocumentActions }) {
  const text = useText();
  const { mayChange, countLeft, bytesLeft, list, sending } = documents;
  if (!documents.known && !documents.problem) return null;
  return (
    <section class="documents" aria-labelledby="documents-title">
      <h2 id="documents-title"><Icon name="document" />{text("docs.title")}</h2>
      {documents.problem && <Notice kind="warning">{problemText(text, documents.problem)}</Notice>}
      {mayChange && (countLeft > 0
        ? <>
            <div class="go">
              <label class="button file-button">
                <Icon name="upload" /><span>{text("docs.send")}</span>
                <input type="file" multiple accept={ACCEPTED} class="file-field" aria-describedby="documents-hint"
                  onChange={(event) => { documentsAct.send([...(event.currentTarget.files ?? [])]); event.currentTarget.value = ""; }} />
              </label>
            </div>
            <p class="hint" id="documents-hint">{text("docs.hint", { count: countLeft, size: megabytes(text, bytesLeft) })}</p>
          </>
        : <p class="hint">{text("docs.full")}</p>)}
      {(list.length > 0 || sending.length > 0) && (
        <ul class="document-list" aria-labelledby="documents-title">
          {list.map((entry) => <There key={entry.id} entry={entry} mayChange={mayChange} onRemove={() => void documentsAct.remove(entry.id)} />)}
          {sending.map((one) => <OnItsWay key={one.key} one={one} onCancel={() => documentsAct.cancel(one.key)} onAgain={() => documentsAct.again(one.key)} />)}
        </ul>
      )}
      <Announcer>{documents.arrived && text("docs.arrived", { name: documents.arrived })}</Announcer>
    </section>
  );
}

function There({ entry, mayChange, onRemove }: { entry: DocumentEntry; mayChange: boolean; onRemove(): void }) {
  const text = useText();
  return (
    <li>
      <Icon name={entry.kind === "identity_copy" ? "card" : "document"} />
      <div class="document-what">
        <a href={documentUrl(entry.id)} download={entry.name}>{entry.name}</a>
        <span class="hint">{entry.kind === "identity_copy" && `${text("docs.card")} · `}{sizeText(text, entry.bytes)}</span>
      </div>
      {mayChange && <Button kind="quiet" onClick={onRemove}>{text("docs.remove")}<span class="visually-hidden"> {entry.name}</span></Button>}
    </li>
  );
}

function OnItsWay({ one, onCancel, onAgain }: { one: Sending; onCancel(): void; onAgain(): void }) {
  const text = useText();
  const percent = Math.floor(one.part * 100);
  return (
    <li class={one.problem ? "document-failed" : ""}>
      <Icon name={one.problem ? "warning" : "upload"} />
      <div class="document-what">
        <span>{one.name}</span>
        {one.problem
          ? <span role="alert">{problemText(text, one.problem)}</span>
          : <><progress max={100} value={percent} aria-label={text("docs.sending_name", { name: one.name })} /><span class="hint">{text("docs.sending", { percent })}</span></>}
      </div>
      {one.again && <Button onClick={onAgain}>{text("docs.again")}<span class="visually-hidden"> {one.name}</span></Button>}
      <Button kind="quiet" onClick={onCancel}>{text(one.problem ? "docs.dismiss" : "docs.stop")}<span class="visually-hidden"> {one.name}</span></Button>
    </li>
  );
}

function problemText(text: Text, code: string): string {
  return text(PROBLEMS[code] ?? "docs.problem_internal");
}
