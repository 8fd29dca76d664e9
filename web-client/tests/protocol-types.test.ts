// Holds the types of src/core/protocol.ts against the vectors and the schema that the server is held by.
import test from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as TypeScript from "typescript";

declare const __ROOT__: string;
const ts = createRequire(join(__ROOT__, "package.json"))("typescript") as typeof TypeScript;

interface Vector { name: string; body?: string; message: unknown; valid: boolean; why?: string }
type Direction = "citizen" | "agent" | "server" | "http";

const vectors = (direction: Direction): Vector[] =>
  (JSON.parse(readFileSync(join(__ROOT__, `../tests/data/protocol/${direction}.json`), "utf8")) as { vectors: Vector[] }).vectors;
const schema = JSON.parse(readFileSync(join(__ROOT__, "../docs/protocol.schema.json"), "utf8")) as {
  $defs: Record<string, { enum?: string[]; oneOf?: { const?: string }[] }>;
};

/** Type errors of a file that stands beside protocol.ts. */
function typeErrors(source: string): string[] {
  const file = join(__ROOT__, "src/core/protocol-vectors.ts");
  const options: TypeScript.CompilerOptions = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2021, module: ts.ModuleKind.ESNext, types: [], lib: ["lib.es2022.d.ts"] };
  const host = ts.createCompilerHost(options);
  const readSource = host.getSourceFile.bind(host);
  host.getSourceFile = (name, language) => (name === file ? ts.createSourceFile(name, source, language) : readSource(name, language));
  const exists = host.fileExists.bind(host);
  host.fileExists = (name) => name === file || exists(name);
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map((problem) => {
    const line = problem.file && problem.start !== undefined ? problem.file.getLineAndCharacterOfPosition(problem.start).line : -1;
    return `${source.split("\n")[line] ?? ""}: ${ts.flattenDiagnosticMessageText(problem.messageText, " ")}`;
  });
}

const IMPORT = 'import type * as P from "./protocol";\n';
/** Bodies that the client has a type for; the others are the portal's. */
const BODIES = new Set(["ErrorBody", "Link", "Documents", "SaidOfIdentity", "Chat", "AgentAccount", "CancelLink", "Services", "Slots", "NewBooking", "Booking", "NewStart", "NewCallback", "CallbackAsked", "CallbackTimes", "CallbackDone"]);

test("every_valid_vector_fits_its_type", () => {
  const lines: string[] = [];
  const put = (type: string, vector: Vector) => lines.push(`export const v${lines.length} = ${JSON.stringify(vector.message)} satisfies P.${type};`);
  for (const vector of vectors("citizen")) if (vector.valid) put("CitizenMessage", vector);
  for (const vector of vectors("agent")) if (vector.valid) put("AgentMessage", vector);
  for (const vector of vectors("server")) if (vector.valid) put("ServerMessage", vector);
  for (const vector of vectors("http")) if (vector.valid && BODIES.has(vector.body ?? "")) put(vector.body ?? "", vector);
  assert.ok(lines.length > 60);
  assert.deepEqual(typeErrors(IMPORT + lines.join("\n")), []);
});

test("types_refuse_what_is_missing_unknown_or_of_another_role", () => {
  const refused = [
    ["CitizenMessage", { type: "call", id: 1, appointment: "0".repeat(32) }],
    ["CitizenMessage", { type: "accept", id: 1 }],
    ["AgentMessage", { type: "arrive", id: 1 }],
    ["AgentMessage", { type: "close", id: 1, appointment: "0".repeat(32), outcome: "bored" }],
    ["ServerMessage", { type: "error", re: 1, code: "tired", message: "" }],
  ] as const;
  const lines = refused.map(([type, message], at) => `export const v${at} = ${JSON.stringify(message)} satisfies P.${type};`);
  const found = typeErrors(IMPORT + lines.join("\n")).map((error) => lines.findIndex((line) => error.startsWith(line)));
  assert.deepEqual(found, lines.map((_, at) => at));
});

test("every_word_of_the_schema_is_a_word_of_the_types_and_no_other", () => {
  const lines = ["type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;"];
  for (const name of ["ErrorCode", "Phase", "Quality", "LinkPhase", "Presence", "Role", "RowState", "CallbackReason", "Source", "Outcome"]) {
    const definition = schema.$defs[name];
    const words = definition?.enum ?? definition?.oneOf?.flatMap((one) => (one.const === undefined ? [] : [one.const])) ?? [];
    assert.ok(words.length > 1, name);
    lines.push(`export const same${name}: Same<P.${name}, ${words.map((word) => JSON.stringify(word)).join(" | ")}> = true;`);
  }
  assert.deepEqual(typeErrors(IMPORT + lines.join("\n")), []);
});
