// The landing page: for whoever comes without a link.

import "./styles/visavis.css";
import { App, show } from "./app";
import { Landing } from "./screens/landing";

show(<App><Landing /></App>);
