// The relay of a peer connection: at the host and port of the page, and only where that is TLS.
import test from "node:test";
import assert from "node:assert/strict";
import { iceServersOf } from "../src/core/transport";

const relay = { username: "1795424400:0123456789abcdef", credential: "c2VjcmV0" };

test("the_relay_is_where_the_page_is", () => {
  const urls = (page: { protocol: string; hostname: string; port: string }) => iceServersOf(relay, page).map((server) => server.urls);
  assert.deepEqual(urls({ protocol: "https:", hostname: "video.example.lu", port: "" }), ["turns:video.example.lu:443?transport=tcp"]);
  assert.deepEqual(urls({ protocol: "https:", hostname: "[2001:db8::7]", port: "8443" }), ["turns:[2001:db8::7]:8443?transport=tcp"]);
  assert.deepEqual(iceServersOf(relay, { protocol: "https:", hostname: "a.lu", port: "" })[0], { urls: "turns:a.lu:443?transport=tcp", ...relay });
});

test("there_is_none_without_tls_or_without_credentials", () => {
  assert.deepEqual(iceServersOf(relay, { protocol: "http:", hostname: "localhost", port: "8080" }), []);
  assert.deepEqual(iceServersOf(undefined, { protocol: "https:", hostname: "a.lu", port: "" }), []);
});
