// Picks the screen that the state means. Decides nothing itself.

import { useText } from "../../ui/hooks";
import { Button } from "../../ui/button";
import { Page } from "../../ui/page";
import { CallbackPage } from "../callback/callback";
import { Explained, Loading } from "../citizen/outcomes";
import { ChooseService, ChooseTopic, Consent } from "./choose";
import { ConfirmedPage } from "./confirmed";
import { Details } from "./details";
import { DocumentsStep, IdentityStep } from "./files";
import { Review } from "./review";
import { ChooseTime } from "./time";
import type { BookingView } from "./view";

export function BookScreen(view: BookingView) {
  const { at, act } = view;
  const text = useText();
  if (at.problem) return <Explained kind={at.problem === "unreachable" || at.problem === "slow_down" ? at.problem : "internal_booking"}><Button kind="primary" onClick={() => void act.load()}>{text("try_again")}</Button></Explained>;
  if (!at.services) return <Loading />;
  if (at.services.length === 0) return <Page screen="book_closed" title={text("book.closed_title")} lead={text("book.closed")} />;
  switch (at.step) {
    case "service": return <ChooseService {...view} />;
    case "consent": return <Consent {...view} />;
    case "topic": return <ChooseTopic {...view} />;
    case "time": return <ChooseTime {...view} />;
    case "details": return <Details {...view} />;
    case "identity": return <IdentityStep {...view} />;
    case "documents": return <DocumentsStep {...view} />;
    case "review": return <Review {...view} />;
    case "confirmed": return <ConfirmedPage {...view} />;
    case "call_back": return view.callback && view.callbackAct ? <CallbackPage at={view.callback} act={view.callbackAct} onBack={act.back} /> : <Loading />;
  }
}
