// Which screen each phase and state leads to, for citizens and agents.
import test from "node:test";
import assert from "node:assert/strict";
import { citizenScreen, type CitizenState } from "../src/core/citizen";
import { agentScreen, type AgentState } from "../src/core/agent";
import type { Link, Phase, State } from "../src/core/protocol";

const link = (phase: Link["phase"] = "open") => ({ phase }) as Link;
const state = (phase: Phase) => ({ phase }) as State;
const citizen = (more: Partial<CitizenState>): CitizenState =>
  ({ step: "welcome", line: "ready", busy: false, wasInCall: false, putBack: false, rangInVain: false, serverAheadMs: 0, link: link(), ...more });
const agent = (more: Partial<AgentState>): AgentState => ({ step: "desk", line: "ready", rows: [], callbacks: [], services: [], deskKnown: true, busy: false, serverAheadMs: 0, ...more });

test("each_phase_of_the_link_has_its_page", () => {
  assert.equal(citizenScreen(citizen({ link: undefined })), "loading");
  assert.equal(citizenScreen(citizen({ link: link("too_early") })), "too_early");
  assert.equal(citizenScreen(citizen({ link: link("too_early"), step: "check" })), "check");
  assert.equal(citizenScreen(citizen({ link: link("late") })), "late");
  assert.equal(citizenScreen(citizen({ link: link("over") })), "over");
  assert.equal(citizenScreen(citizen({ link: link("documents") })), "documents");
  assert.equal(citizenScreen(citizen({ link: link("erased") })), "erased");
  assert.equal(citizenScreen(citizen({ link: link("missed") })), "missed");
  assert.equal(citizenScreen(citizen({ link: link("cancelled") })), "cancelled");
  assert.equal(citizenScreen(citizen({})), "welcome");
});

test("the_server_decides_where_the_citizen_is_once_they_arrived", () => {
  const pages: Partial<Record<Phase, string>> = { open: "check", waiting: "waiting", ringing: "ringing", in_call: "call", left: "left", elsewhere: "elsewhere", closed: "closed", missed: "missed", cancelled: "cancelled", late: "late" };
  for (const [phase, page] of Object.entries(pages)) assert.equal(citizenScreen(citizen({ step: "check", state: state(phase as Phase) })), page, phase);
});

test("what_was_deleted_is_deleted_whatever_the_line_last_said", () => {
  assert.equal(citizenScreen(citizen({ link: link("erased"), state: state("closed") })), "erased");
});

test("a_lost_line_keeps_the_screen", () => {
  assert.equal(citizenScreen(citizen({ line: "reconnecting", state: state("in_call") })), "call");
  assert.equal(agentScreen(agent({ line: "reconnecting", state: state("in_call") })), "call");
});

test("a_second_tab_and_a_broken_rule_are_said", () => {
  assert.equal(citizenScreen(citizen({ line: "replaced", state: state("in_call") })), "replaced");
  assert.equal(citizenScreen(citizen({ line: "refused" })), "problem");
  assert.equal(agentScreen(agent({ line: "replaced" })), "replaced");
});

test("the_agent_rings_then_talks_then_is_back_at_the_desk", () => {
  assert.equal(agentScreen(agent({ step: "sign_in" })), "sign_in");
  assert.equal(agentScreen(agent({ preparing: {} as never })), "preparing");
  assert.equal(agentScreen(agent({ preparing: {} as never, state: state("calling") })), "calling");
  assert.equal(agentScreen(agent({ state: state("in_call") })), "call");
  assert.equal(agentScreen(agent({})), "desk");
});
