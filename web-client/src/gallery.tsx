// One screen in one state and one language, named in the address: gallery.html#<id>/<language>. Without a name, the list of all.
// Each link of the list has data-state and data-language; `data-shown` at the root says what is on screen.

import "./styles/visavis.css";
import "./styles/form.css";
import "./styles/call.css";
import "./styles/desk.css";
import "./styles/documents.css";
import "./styles/book.css";
import "./styles/talk.css";
import { render } from "preact";
import { languages, textIn, type Language } from "./core/text";
import { AgentScreen } from "./screens/agent/agent-screen";
import { BookScreen } from "./screens/book/book-screen";
import { CancelScreens } from "./screens/cancel";
import { CitizenScreen } from "./screens/citizen/citizen-screen";
import { MineScreen } from "./screens/mine/mine-screen";
import { Landing } from "./screens/landing";
import { examples, type Pictures } from "./screens/registry";
import { SurroundingsContext } from "./ui/hooks";

const root = document.getElementById("app")!;

async function show(): Promise<void> {
  const [id, language = "en"] = location.hash.slice(1).split("/") as [string, Language | undefined];
  const example = examples.find((one) => one.id === id);
  delete document.documentElement.dataset["shown"];
  render(null, root);
  if (!example) return list();
  document.documentElement.lang = language;
  const text = await textIn(language);
  const surroundings = {
    text,
    setLanguage: (next: Language) => { location.hash = `${id}/${next}`; },
    staff: example.page === "agent",
    beforeMail: example.page === "book" || example.page === "mine",
    ...(example.page === "citizen" ? knownOf(example.view(pictures())) : example.page === "cancel" ? knownOf(example.view()) : {}),
  };
  render(
    <SurroundingsContext.Provider value={surroundings}>
      {example.page === "citizen" ? <CitizenScreen {...example.view(pictures())} /> : example.page === "agent" ? <AgentScreen {...example.view(pictures())} />
        : example.page === "book" ? <BookScreen {...example.view()} /> : example.page === "cancel" ? <CancelScreens {...example.view()} /> : example.page === "mine" ? <MineScreen {...example.view()} /> : <Landing booking={example.booking} mine={example.mine} />}
    </SurroundingsContext.Provider>,
    root,
  );
  document.documentElement.dataset["shown"] = `${id}/${language}`;
}

function knownOf({ at }: { at: { link?: { service: { name: string; helpdesk_phone: string } } } }) {
  return { phone: at.link?.service.helpdesk_phone, serviceName: at.link?.service.name };
}

function list(): void {
  render(
    <main class="content">
      <h1>Every screen</h1>
      <ul>{examples.map(({ id }) => <li>{id}: {languages.map(({ code }) => <><a href={`#${id}/${code}`} data-state={id} data-language={code}>{code}</a>{" "}</>)}</li>)}</ul>
    </main>,
    root,
  );
}

let made: Pictures | undefined;
function pictures(): Pictures {
  return (made ??= { self: person("#7aa7c7", "#37474f", "#e0b090"), citizen: person("#c9b79c", "#7a4b3a", "#f0c8a8"), agent: person("#9db8ad", "#0b5563", "#c99b78"), guest: person("#b7a9c9", "#4a3a6a", "#8d6247"), screen: paper() });
}

/** Somebody in front of a wall, breathing. */
function person(wall: string, coat: string, skin: string): MediaStream {
  return moving(640, 360, (draw, t) => {
    const y = Math.sin(t / 900) * 3;
    draw.fillStyle = wall;
    draw.fillRect(0, 0, 640, 360);
    draw.fillStyle = "rgb(255 255 255 / 0.25)";
    draw.fillRect(430, 30, 130, 150);
    draw.fillStyle = coat;
    draw.beginPath();
    draw.ellipse(320, 400 + y, 170, 150, 0, 0, 7);
    draw.fill();
    draw.fillStyle = skin;
    draw.fillRect(292, 205 + y, 56, 60);
    draw.beginPath();
    draw.ellipse(320, 160 + y, 66, 82, 0, 0, 7);
    draw.fill();
    draw.fillStyle = coat;
    draw.beginPath();
    draw.ellipse(320, 108 + y, 72, 46, 0, Math.PI, 7);
    draw.fill();
  });
}

function paper(): MediaStream {
  return moving(800, 500, (draw) => {
    draw.fillStyle = "#fff";
    draw.fillRect(0, 0, 800, 500);
    draw.fillStyle = "#1b3a57";
    draw.font = "32px sans-serif";
    draw.fillText("Form D-114", 60, 80);
    draw.fillStyle = "#b9c4cc";
    for (let line = 0; line < 9; line++) draw.fillRect(60, 130 + line * 36, 500 + ((line * 97) % 160), 12);
  });
}

function moving(width: number, height: number, paint: (draw: CanvasRenderingContext2D, t: number) => void): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const draw = canvas.getContext("2d")!;
  paint(draw, 0);
  setInterval(() => paint(draw, performance.now()), 100);
  return canvas.captureStream(10);
}

addEventListener("hashchange", () => void show());
void show();
