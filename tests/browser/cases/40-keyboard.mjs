// The whole journey of both people with Tab, Enter and Space alone.
import { AGENT, CITIZEN, launch } from '../lib/browsers.mjs';
import { press, tabTo } from '../lib/keyboard.mjs';
import { Agent, Citizen, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { until } from '../lib/steps.mjs';

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
