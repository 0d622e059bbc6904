// Fedify as an inbox and nothing else, to be measured: its key-value store in memory, listeners that do nothing.
// Standard output has one line: {"origin": …}. It ends when its standard input does.

import { createServer } from "node:http";
import { createFederation, generateCryptoKeyPair, MemoryKvStore } from "@fedify/fedify";
import { Create, Person } from "@fedify/vocab";

const server = createServer(answer);
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://127.0.0.1:${server.address().port}`;
const federation = createFederation({ kv: new MemoryKvStore(), origin, allowPrivateAddress: true });
const pairs = await Promise.all(["RSASSA-PKCS1-v1_5", "Ed25519"].map((each) => generateCryptoKeyPair(each)));
let heard = 0;

federation
  .setActorDispatcher("/users/{identifier}", (context, name) =>
    new Person({ id: context.getActorUri(name), preferredUsername: name, inbox: context.getInboxUri(name) }))
  .setKeyPairsDispatcher(() => pairs);
federation.setInboxListeners("/users/{identifier}/inbox", "/inbox").on(Create, () => void (heard += 1));

async function answer(incoming, outgoing) {
  const pieces = [];
  for await (const piece of incoming) pieces.push(piece);
  if (incoming.url === "/heard") return outgoing.end(String(heard));
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1]);
  const body = incoming.method === "GET" ? undefined : Buffer.concat(pieces);
  const request = new Request(origin + incoming.url, { method: incoming.method, headers, body });
  const response = await federation.fetch(request, { contextData: null });
  const told = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": told.length });
  outgoing.end(told);
}

process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.write(`${JSON.stringify({ origin })}\n`);
