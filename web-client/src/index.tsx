// The landing page: for whoever comes without a link.

import "./styles/visavis.css";
import { useEffect, useState } from "preact/hooks";
import { App, show } from "./app";
import * as api from "./core/api";
import { Landing } from "./screens/landing";

function Start() {
  const [booking, setBooking] = useState(false);
  useEffect(() => {
    // Without an answer the page is what it is without booking.
    api.services().then(({ services }) => setBooking(services.some((service) => service.public_booking)), () => undefined);
  }, []);
  return <App><Landing booking={booking} /></App>;
}

show(<Start />);
