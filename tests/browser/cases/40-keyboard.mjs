// The whole journey of both people with Tab, Enter and Space alone.
import { AGENT, CITIZEN, launch } from '../lib/browsers.mjs';
import { Agent, Citizen, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, until } from '../lib/steps.mjs';

/** The accessible name of what has the focus, and whether the focus can be seen. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const by = element.getAttribute('aria-labelledby');
  const name = element.getAttribute('aria-label') ?? (by && document.getElementById(by)?.textContent) ?? (element.labels?.[0]?.textContent || element.textContent);
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    name: (name ?? '').trim(),
    tag: element.tagName,
    visible: element.matches(':focus-visible') && (style.outlineStyle !== 'none' || style.boxShadow !== 'none'),
    covered: Boolean(top && top !== element && !element.contains(top) && !top.contains(element)),
  };
}

async function tabTo(person, name, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  const seen = [];
  while (Date.now() < end) {
    const now = await person.evaluate(focused);
    if (now && now.name.startsWith(name)) {
      check(now.visible, `the focus on "${name}" cannot be seen`);
      check(!now.covered, `"${name}" is covered`);
      return;
    }
    if (now) seen.push(now.name.slice(0, 30));
    await person.page.keyboard.press('Tab');
  }
  throw new Error(`Tab never came to "${name}"; saw ${JSON.stringify([...new Set(seen)])} ${await person.screen()}`);
}

async function press(person, name, key = 'Enter') {
  await until(`button "${name}"`, () => person.has('button', name), 25);
  await tabTo(person, name);
  await person.page.keyboard.press(key);
}

export const cases = [
  {
    name: 'the journey of both people by keyboard alone',
    async run({ after }) {
      const server = await Server.start();
      after(() => server.stop());
      const agent = new Agent(await launch(AGENT, { spki: server.spki }), AGENT);
      agent.name = server.demo.agent.name;
      await agent.page.goto(server.demo.agent.url);
      await until('the sign-in form', async () => /Sign in/.test(await agent.text()));
      await tabTo(agent, 'User name');
      await agent.page.keyboard.type(server.demo.agent.username);
      await tabTo(agent, 'Password');
      await agent.page.keyboard.type(server.demo.agent.password);
      await press(agent, 'Sign in');

      const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki }), CITIZEN);
      const appointment = await server.appointment();
      citizen.name = appointment.name;
      await citizen.page.goto(appointment.join_url);
      await press(citizen, 'Join the waiting room', 'Space');
      await press(citizen, 'Join the call');
      await citizen.phase('waiting');

      await agent.row(citizen.name);
      await tabTo(agent, 'Call');
      await agent.page.keyboard.press('Enter');
      await citizen.phase('ringing');
      await press(citizen, 'Answer', 'Space');
      await proveCall(citizen, agent, { seconds: 5 });
      await press(citizen, 'Mute');
      await press(citizen, 'Unmute', 'Space');
      await press(citizen, 'Turn camera off');
      await press(citizen, 'Turn camera on');
      await press(citizen, 'Hang up');
      await press(citizen, 'Return to the call');
      await citizen.phase('in_call');
      await press(agent, 'Put back');
      await citizen.phase('waiting');
      await agent.row(citizen.name);
      await tabTo(agent, 'Call');
      await agent.page.keyboard.press('Space');
      await press(citizen, 'Answer');
      await citizen.phase('in_call');
      await press(agent, 'Close consultation');
      await press(agent, 'Close now');
      await citizen.phase('closed');
    },
  },
];
