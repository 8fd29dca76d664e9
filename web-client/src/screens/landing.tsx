// What this place is and which way leads on.

import { useText } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Card, Page } from "../ui/page";

/** `booking`: citizens book a service by themselves. */
/** `mine`: citizens sign in at an identity provider. */
export function Landing({ booking = false, mine = false }: { booking?: boolean; mine?: boolean }) {
  const text = useText();
  return (
    <Page screen="landing" title={text("landing.title")} lead={text("landing.lead")}>
      <div class="ways">
        {booking && <Card tone="warm"><h2><Icon name="clock" />{text("landing.book")}</h2><p>{text("landing.book_what")}</p><p><a class="button button-primary" href="/book"><Icon name="clock" /><span>{text("landing.book_link")}</span></a></p>{mine && <p><a href="/mine">{text("mine.title")}</a></p>}</Card>}
        <Card tone="calm"><h2><Icon name="message" />{text("landing.citizen")}</h2><p>{text("landing.citizen_what")}</p><p>{text("landing.citizen_lost")}</p></Card>
        <Card><h2><Icon name="person" />{text("landing.agent")}</h2><p>{text("landing.agent_what")}</p><p><a class="button button-plain" href="/agent"><Icon name="lock" /><span>{text("landing.agent_link")}</span></a></p></Card>
      </div>
    </Page>
  );
}
