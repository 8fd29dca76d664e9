// The booking page: /book.

import "./styles/visavis.css";
import "./styles/form.css";
import "./styles/book.css";
import "./styles/documents.css";
import { App, show } from "./app";
import { Booking } from "./core/booking";
import { serviceOf } from "./core/booking-steps";
import { BookScreen } from "./screens/book/book-screen";
import { said } from "./screens/book/view";
import { useMaybe, useSlow, useStore } from "./ui/hooks";

const booking = new Booking();

function BookPage() {
  const at = useStore(booking);
  const slots = useStore(booking.slots);
  const callback = useMaybe(at.callback);
  const documents = useStore(booking.documents);
  const slow = useSlow();
  const services = at.services ?? [];
  const service = serviceOf(at.draft, services) ?? services.find((one) => one.key === at.confirmed?.service);
  if (!at.services && !at.problem && !slow) return null;
  return (
    <App phone={service?.helpdesk_phone} serviceName={(language) => said(service?.names, language)} beforeMail>
      <BookScreen at={at} slots={slots} callback={callback} documents={documents} documentsAct={booking.documents} act={booking} slotsAct={booking.slots} callbackAct={at.callback} />
    </App>
  );
}

// Documents follow the booking: who leaves before they are there is asked.
addEventListener("beforeunload", (event) => booking.isSending() && event.preventDefault());

show(<BookPage />);
void booking.start();
