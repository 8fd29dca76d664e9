// "Delete everything now", asked once more with what goes and what stays; and the receipt that remains.

import { useState } from "preact/hooks";
import type { Receipt } from "../../core/protocol";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { useText } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Page } from "../../ui/page";
import type { CitizenView } from "./view";

export function DeleteEverything({ at, act, fixed }: Pick<CitizenView, "at" | "act" | "fixed">) {
  const text = useText();
  const [asking, setAsking] = useState(fixed?.dialog === "erase");
  const link = at.link!;
  if (link.guest || link.phase === "erased") return null;
  const when = (iso: string) => ({ day: text.day(iso, link.time_zone), time: text.time(iso, link.time_zone) });
  return (
    <div class="erase">
      {link.kept_until && link.phase !== "too_early" && <p class="hint"><Icon name="clock" size={18} /> {text("erase.by_itself", when(link.kept_until))}</p>}
      <div class="go"><Button kind="quiet" icon="bin" busy={at.busy} onClick={() => setAsking(true)}>{text("erase.button")}</Button></div>
      {asking && (
        <Dialog title={text("erase.title")} onClose={() => setAsking(false)}>
          <p>{text("erase.goes")}</p>
          <ul class="plain-list">
            <li>{text("erase.goes_name")}</li>
            <li>{text("erase.goes_documents")}</li>
            <li>{text("erase.goes_consultation")}</li>
          </ul>
          {link.phase === "too_early" && <p><strong>{text("erase.ahead", when(link.start))}</strong></p>}
          <p>{text("erase.stays")}</p>
          <div class="go">
            {/* First, and so in focus: who presses Enter without reading loses nothing. */}
            <Button onClick={() => setAsking(false)}>{text("erase.no")}</Button>
            <Button kind="danger" onClick={() => { setAsking(false); void act.deleteEverything(); }}>{text("erase.yes")}</Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

/** The link of an appointment of which nothing is left. */
export function Erased({ at }: Pick<CitizenView, "at">) {
  const text = useText();
  const receipt = at.link?.receipt;
  return (
    <Page screen="erased" title={text("erased.title")}>
      <div class="explained explained-done">
        <span class="explained-icon"><Icon name="done" size={40} /></span>
        <div><p class="lead">{text("erased.what")}</p>{!receipt && <p>{text("erased.soon")}</p>}</div>
      </div>
      {receipt && <ReceiptCard receipt={receipt} zone={at.link!.time_zone} />}
    </Page>
  );
}

function ReceiptCard({ receipt, zone }: { receipt: Receipt; zone: string }) {
  const text = useText();
  return (
    <section class="card receipt" aria-labelledby="receipt-title">
      <h2 id="receipt-title">{text("receipt.title")}</h2>
      <dl class="facts">
        <div><dt>{text("receipt.when")}</dt><dd>{text.day(receipt.erased, zone)} {year(receipt.erased, zone)}, {text.time(receipt.erased, zone)}</dd></div>
        <div><dt>{text("receipt.why")}</dt><dd>{text(receipt.asked ? "receipt.asked" : "receipt.due")}</dd></div>
        <div><dt>{text("receipt.documents")}</dt><dd>{receipt.documents}</dd></div>
        <div><dt>{text("receipt.line")}</dt><dd>{receipt.line}</dd></div>
        <div class="wide"><dt>{text("receipt.hash")}</dt><dd class="fingerprint">{receipt.hash.match(/.{1,8}/g)?.join(" ")}</dd></div>
      </dl>
      <p class="hint">{text("receipt.explained")}</p>
      <div class="go"><Button icon="printer" onClick={() => print()}>{text("receipt.print")}</Button></div>
    </section>
  );
}

/** A receipt is kept for long. */
function year(iso: string, zone: string): string {
  return new Intl.DateTimeFormat("en", { year: "numeric", timeZone: zone }).format(new Date(iso));
}
