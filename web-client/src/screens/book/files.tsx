// The steps of files: the copy of the identity card, and other documents. They are chosen here and leave the browser when the appointment is booked.

import { bytesLeft, type ChosenFile, type FileFault } from "../../core/chosen-files";
import { serviceOf, topicOf } from "../../core/booking-steps";
import type { DocumentKind } from "../../core/protocol";
import type { Key } from "../../core/text";
import { Button } from "../../ui/button";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Notice } from "../../ui/page";
import { ACCEPTED } from "../document-list";
import { megabytes, sizeText } from "../size";
import { TopicAbout } from "./choose";
import { StepPage } from "./step";
import type { BookingView } from "./view";

/** What each browser can show to the agent. A phone makes one of these of its own picture. */
const CARDS = ".pdf,.jpg,.jpeg,.png,application/pdf,image/jpeg,image/png";

const FAULTS: Record<FileFault, Key> = {
  unfit_card: "book.card_unfit", unfit_document: "book.file_unfit", too_large: "book.file_large", too_many_documents: "book.file_many", no_space: "docs.problem_no_space",
};

export function IdentityStep(view: BookingView) {
  const text = useText();
  const { at } = view;
  const faults = at.incomplete ? [{ id: "identity-copy", text: text("book.card_missing") }] : [];
  return (
    <StepPage {...view} step="identity" title="book.card_title" lead="book.card_lead" faults={faults}>
      <section class="privacy" aria-labelledby="card-privacy">
        <h2 id="card-privacy"><Icon name="lock" />{text("book.card_privacy_title")}</h2>
        <p>{text("book.card_privacy")}</p>
      </section>
      <FileField {...view} id="identity-copy" kind="identity_copy" label="docs.card" accept={CARDS} hint={text("book.card_hint")} icon="card" />
    </StepPage>
  );
}

export function DocumentsStep(view: BookingView) {
  const text = useText();
  const { at } = view;
  const service = serviceOf(at.draft, at.services ?? [])!, topic = topicOf(at.draft, at.services ?? []);
  const left = service.document_count - at.draft.files.length;
  const lost = at.draft.files.some(({ kind, lost }) => kind === "document" && lost);
  return (
    <StepPage {...view} step="documents" title="book.documents_title" lead="book.documents_lead" faults={at.incomplete && lost ? [{ id: "documents", text: text("book.file_lost") }] : []}>
      {topic && <TopicAbout topic={topic} />}
      <FileField {...view} id="documents" kind="document" label="book.documents_choose" accept={ACCEPTED} icon="document"
        hint={text("docs.hint", { count: Math.max(0, left), size: megabytes(text, Math.max(0, bytesLeft(at.draft.files, service))) })} />
    </StepPage>
  );
}

interface FileFieldProps extends BookingView {
  id: string;
  kind: DocumentKind;
  label: Key;
  accept: string;
  hint: string;
  icon: "card" | "document";
}

function FileField({ at, act, id, kind, label, accept, hint, icon }: FileFieldProps) {
  const text = useText();
  const there = at.draft.files.filter((file) => file.kind === kind);
  return (
    <div class="documents">
      <div role="alert">
        {at.refused.length > 0 && <Notice kind="warning"><ul class="plain-list">{at.refused.map(({ name, fault }) => <li><strong>{name}</strong> {text(FAULTS[fault])}</li>)}</ul></Notice>}
      </div>
      <div class="go">
        <label class="button file-button">
          <Icon name="upload" /><span>{text(label)}</span>
          <input id={id} type="file" multiple={kind === "document"} accept={accept} class="file-field" aria-describedby={`${id}-hint`}
            onChange={(event) => { void act.choose(kind, [...(event.currentTarget.files ?? [])]); event.currentTarget.value = ""; }} />
        </label>
      </div>
      <p class="hint" id={`${id}-hint`}>{hint}</p>
      <div role="status" class="visually-hidden">{there.length > 0 && text("book.files_chosen", { names: there.map(({ name }) => name).join(", ") })}</div>
      {there.length > 0 && (
        <ul class="document-list" aria-label={text(label)}>{there.map((file) => <Chosen key={file.id} file={file} icon={icon} onTakeOut={() => act.takeOut(file.id)} />)}</ul>
      )}
    </div>
  );
}

function Chosen({ file, icon, onTakeOut }: { file: ChosenFile; icon: "card" | "document"; onTakeOut(): void }) {
  const text = useText();
  return (
    <li class={file.lost ? "document-failed" : ""}>
      <Icon name={file.lost ? "warning" : icon} />
      <div class="document-what"><strong>{file.name}</strong><span class="hint">{file.lost ? text("book.file_lost") : sizeText(text, file.size)}</span></div>
      <Button kind="quiet" onClick={onTakeOut}>{text("book.take_out")}<span class="visually-hidden"> {file.name}</span></Button>
    </li>
  );
}
