// The landing page: for whoever comes without a link.

import "./styles/visavis.css";
import { useEffect, useState } from "preact/hooks";
import { App, show } from "./app";
import * as api from "./core/api";
import { Landing } from "./screens/landing";

function Start() {
  const [offered, setOffered] = useState({ booking: false, mine: false });
  useEffect(() => {
    // Without an answer the page is what it is without booking.
    api.services().then(({ services, authentication }) => setOffered({ booking: services.some((service) => service.public_booking), mine: authentication }), () => undefined);
  }, []);
  return <App><Landing {...offered} /></App>;
}

show(<Start />);
