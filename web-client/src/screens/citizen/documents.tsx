// The documents of the appointment after the consultation: downloaded until they are deleted.

import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { LineNotice, Notice, Page } from "../../ui/page";
import { DocumentList } from "../document-list";
import { noticeText } from "../notices";
import { DeleteEverything } from "./erase";
import { Transcript } from "../talk";
import type { CitizenView } from "./view";

/** After the consultation, and just after it was closed (`closed`). */
export function Documents(view: CitizenView & { closed?: boolean }) {
  const { at, documents, closed = false } = view;
  const text = useText();
  const link = at.link!;
  const until = link.kept_until && { day: text.day(link.kept_until, link.time_zone), time: text.time(link.kept_until, link.time_zone) };
  return (
    <Page screen={closed ? "closed" : "documents"} title={text(closed ? "closed.title" : "documents.title")}>
      <LineNotice down={at.line === "reconnecting"} />
      {at.notice && <Notice kind="warning">{noticeText(text, at.notice)}</Notice>}
      <div class="explained explained-done">
        <span class="explained-icon"><Icon name="done" size={40} /></span>
        <div>
          <p class="lead">{text(closed ? "closed.what" : "documents.what")}</p>
          {documents.list.length > 0 && until && <p>{text("documents.until", until)}</p>}
          <p>{text("closed.next")}</p>
        </div>
      </div>
      {(documents.list.length > 0 || documents.problem) && <DocumentList {...view} />}
      <Transcript messages={at.transcript} zone={link.time_zone} />
      <DeleteEverything {...view} />
    </Page>
  );
}
