// A real ActivityPub server for tests, made of Fedify alone: three actors, inboxes that note what Fedify made of each
// request, and a control door on another loopback port. It must never judge a signature by anything but Fedify.
//
// Standard output has one line: {"origin": …, "control": …}. It ends when told so, or when its standard input does.

import { createServer } from "node:http";
import { createFederation, generateCryptoKeyPair, MemoryKvStore } from "@fedify/fedify";
import { verifyObject, verifyRequestDetailed } from "@fedify/fedify/sig";
import {
  Accept, Activity, Announce, Create, Delete, Endpoints, Follow, isActor, Object as Thing, Organization, Person, Reject,
  Tombstone, Undo, Update,
} from "@fedify/vocab";
import jsonld from "@fedify/vocab-runtime/jsonld";
import { configure } from "@logtape/logtape";
import { asIfPublic, CAVAGE, dialectOf, RFC9421, withKnocks } from "./wire.mjs";

const LISTENED = { Create, Update, Delete, Announce, Follow, Accept, Reject, Undo };
const ACTORS = { alice: Person, asso: Organization, bruno: Person };

await configure({
  sinks: { stderr: (record) => process.stderr.write(`${record.category.join(".")}: ${record.message.join("")}\n`) },
  loggers: [
    { category: "fedify", sinks: ["stderr"], lowestLevel: process.env.PEER_LOG ?? "warning" },
    { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
  ],
});

// -- what is remembered ----------------------------------------------------------------------------------------------

const log = []; // entries in order; "n" counts from 1
const waiting = new Set(); // calls of "log" that wait for the next entry
const keys = new Map(); // actor name: key pairs
const followers = new Map(); // actor name: Map of follower's id to its inboxes
const following = new Map(); // actor name: Map of followed id to the id of our Follow and its state
const documents = new Map(); // path: {status, json}, served as they are
const gone = new Set(); // actors that have left
let answering = { mode: "accept", embeds: true }; // what a Follow gets: accept, reject or none, with it in full or by id
let refusing = { dialects: [], status: 401 }; // the dialects that inboxes do not read, and what they say to them

function note(entry) {
  log.push({ n: log.length + 1, ...entry });
  for (const wake of waiting) wake();
  waiting.clear();
}

// -- the federation --------------------------------------------------------------------------------------------------

async function listen(handler) {
  const server = createServer(handler);
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return server;
}

const door = await listen(answerPublic);
const control = await listen(answerControl);
const origin = `http://127.0.0.1:${door.address().port}`;
const federations = { [CAVAGE]: federation(CAVAGE), [RFC9421]: federation(RFC9421) };

// One for each dialect that may come first: which one a server takes is remembered in its own store.
function federation(firstKnock) {
  const made = createFederation({ kv: new MemoryKvStore(), origin, allowPrivateAddress: true, firstKnock });
  made
    .setActorDispatcher("/users/{identifier}", describe)
    .setKeyPairsDispatcher(async (_, name) => (name in ACTORS ? await keyPairs(name) : []));
  made.setFollowersDispatcher("/users/{identifier}/followers", (_, name) => ({
    items: [...(followers.get(name) ?? new Map()).values()],
  }));
  made.setFollowingDispatcher("/users/{identifier}/following", (_, name) => ({
    items: [...(following.get(name) ?? new Map()).keys()].map((id) => new URL(id)),
  }));
  made.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [] }));
  const inbox = made.setInboxListeners("/users/{identifier}/inbox", "/inbox");
  inbox.setSharedKeyDispatcher(() => ({ identifier: "asso" }));
  inbox.onError((context, error) => void (context.data.errors?.push(String(error))));
  for (const [kind, type] of Object.entries(LISTENED)) inbox.on(type, (context, said) => hear(context, kind, said));
  return made;
}

async function keyPairs(name) {
  if (!keys.has(name)) {
    keys.set(name, Promise.all(["RSASSA-PKCS1-v1_5", "Ed25519"].map((each) => generateCryptoKeyPair(each))));
  }
  return await keys.get(name);
}

async function describe(context, name) {
  if (!(name in ACTORS)) return null;
  if (gone.has(name)) return new Tombstone({ id: context.getActorUri(name) });
  const pairs = await context.getActorKeyPairs(name);
  return new ACTORS[name]({
    id: context.getActorUri(name),
    preferredUsername: name,
    name: `Peer ${name}`,
    inbox: context.getInboxUri(name),
    outbox: context.getOutboxUri(name),
    followers: context.getFollowersUri(name),
    following: context.getFollowingUri(name),
    endpoints: new Endpoints({ sharedInbox: context.getInboxUri() }),
    publicKey: pairs[0].cryptographicKey,
    assertionMethods: pairs.map((pair) => pair.multikey),
    url: context.getActorUri(name),
  });
}

// -- what comes in ---------------------------------------------------------------------------------------------------

async function hear(context, kind, said) {
  const object = await said.getObject(context).catch((error) => ({ failed: String(error) }));
  context.data.heard = {
    kind,
    id: said.id?.href ?? null,
    actor: said.actorId?.href ?? null,
    object: said.objectId?.href ?? null,
    objectType: object?.constructor?.name ?? null,
    objectName: object?.name?.toString() ?? null,
    objectContent: object?.content?.toString() ?? null,
  };
  if (kind === "Follow") await heardFollow(context, said);
  if (kind === "Accept" || kind === "Reject") heardAnswer(context.data.heard, kind, object);
  if (kind === "Undo" && object instanceof Follow) {
    const name = context.parseUri(object.objectId)?.identifier;
    if (object.actorId?.href === said.actorId?.href) followers.get(name)?.delete(said.actorId.href);
  }
}

async function heardFollow(context, follow) {
  const name = context.parseUri(follow.objectId)?.identifier;
  const who = await follow.getActor(context);
  if (name === undefined || !isActor(who) || answering.mode === "none") return;
  if (answering.mode === "accept") {
    if (!followers.has(name)) followers.set(name, new Map());
    followers.get(name).set(who.id.href, who);
  }
  const Answer = answering.mode === "accept" ? Accept : Reject;
  const object = answering.embeds ? follow : follow.id;
  const said = new Answer({ id: fresh(Answer.name), actor: follow.objectId, object });
  // Answered after the request, as with a queue: who follows may be busy until we have said 202.
  context.data.after.push(() => deliver(RFC9421, { identifier: name }, who, said));
}

function heardAnswer(heard, kind, follow) {
  for (const asked of following.values()) {
    const found = asked.get(heard.actor);
    if (found !== undefined && found.id === (follow?.id?.href ?? heard.object)) found.state = kind === "Accept" ? "accepted" : "rejected";
  }
}

// What Fedify's own verifiers say, each on its own: as a server it takes a proof first and asks no further. Keys are
// fetched anew, as it does itself when one of its cache fails.
async function verdicts(context, request, json) {
  const documentLoader = await context.getDocumentLoader({ identifier: "asso" });
  const loaders = { documentLoader, contextLoader: context.contextLoader };
  const http = await verifyRequestDetailed(request, loaders).catch((error) => error);
  return {
    dialect: dialectOf(request.headers),
    http: http instanceof Error ? String(http) : http.verified ? "verified" : http.reason.type,
    proof: await proofVerdict(json, loaders),
    inner: typeof json?.object === "object" ? await proofVerdict(json.object, loaders) : "none",
  };
}

async function proofVerdict(json, loaders, type = Activity) {
  if (json === null || typeof json !== "object" || !("proof" in json)) return "none";
  const { signature: _, ...unsigned } = json;
  return await verifyObject(type, unsigned, loaders).then(
    (verified) => (verified === null ? "refused" : "verified"),
    (error) => String(error),
  );
}

async function answerPublic(incoming, outgoing) {
  const request = await readRequest(incoming, origin);
  const { pathname: path } = new URL(request().url);
  const dialect = dialectOf(request().headers);
  if (documents.has(path) && incoming.method === "GET") {
    const { status, json } = documents.get(path);
    note({ kind: "asked", path, dialect });
    return writeJson(outgoing, status, json, "application/activity+json");
  }
  if (incoming.method === "POST" && refusing.dialects.includes(dialect)) {
    note({ kind: "refused", path, dialect, json: parsed(await request().text()) });
    return writeJson(outgoing, refusing.status, { error: "no valid signature" });
  }
  const data = { heard: null, errors: [], after: [] };
  const main = federations[RFC9421];
  if (incoming.method !== "POST") return await write(outgoing, await main.fetch(request(), { contextData: data }));
  const json = parsed(await request().text());
  const judged = await verdicts(main.createContext(request(), data), request(), json);
  const response = await main.fetch(request(), { contextData: data });
  await write(outgoing, response);
  const { heard, errors } = data;
  note({ kind: "inbox", path, status: response.status, ...judged, heard, errors, activity: json });
  for (const act of data.after) note({ kind: "sent", ...(await act()) });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// -- what goes out ---------------------------------------------------------------------------------------------------

function fresh(kind) {
  return new URL(`/activities/${kind.toLowerCase()}-${crypto.randomUUID()}`, origin);
}

async function deliver(firstKnock, sender, recipient, activity) {
  const context = federations[firstKnock].createContext(new URL(origin), { after: [] });
  const { result: failure, knocks: made } = await withKnocks(async () => {
    try {
      await context.sendActivity(sender, recipient, activity, { immediate: true });
      return null;
    } catch (error) {
      return String(error);
    }
  });
  const posts = made.filter((knock) => knock.method === "POST");
  return { id: activity.id.href, type: activity.constructor.name, knocks: posts, failure };
}

async function targetOf(name, url) {
  const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
  const loader = await context.getDocumentLoader({ identifier: name });
  const found = await context.lookupObject(url, { documentLoader: loader });
  if (!isActor(found)) throw new Error(`no actor at ${url}`);
  return found;
}

// Which of an actor's keys Fedify is given decides what it makes: RSA an HTTP signature, Ed25519 a proof.
async function senderOf(name, sign) {
  if (sign === "both") return { identifier: name };
  const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
  const pairs = await context.getActorKeyPairs(name);
  const [rsa, ed25519] = pairs;
  if (sign === "http") return [{ keyId: rsa.keyId, privateKey: rsa.privateKey }];
  return [{ keyId: ed25519.multikey.id, privateKey: ed25519.privateKey }];
}

const commands = {
  async follow({ actor, target, sign = "both", dialect = RFC9421 }) {
    const followed = await targetOf(actor, target);
    const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
    const said = new Follow({ id: fresh("Follow"), actor: context.getActorUri(actor), object: followed.id });
    if (!following.has(actor)) following.set(actor, new Map());
    following.get(actor).set(followed.id.href, { id: said.id.href, state: "asked" });
    return await deliver(dialect, await senderOf(actor, sign), followed, said);
  },
  async unfollow({ actor, target }) {
    const followed = await targetOf(actor, target);
    const asked = following.get(actor)?.get(followed.id.href);
    const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
    const me = context.getActorUri(actor);
    const object = new Follow({ id: new URL(asked.id), actor: me, object: followed.id });
    following.get(actor).delete(followed.id.href);
    return await deliver(RFC9421, { identifier: actor }, followed, new Undo({ id: fresh("Undo"), actor: me, object }));
  },
  // sign: "http" (RSA), "proof" (Ed25519 alone: no HTTP signature), "both"; dialect: which knock comes first.
  async send({ actor, target, activity, sign = "both", dialect = RFC9421 }) {
    const recipient = await targetOf(actor, target);
    const context = federations[dialect].createContext(new URL(origin), { after: [] });
    const said = await Activity.fromJsonLd(activity, context);
    return await deliver(dialect, await senderOf(actor, sign), recipient, said);
  },
  // To all followers, as an application does.
  async publish({ actor, activity }) {
    const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
    return await deliver(RFC9421, { identifier: actor }, "followers", await Activity.fromJsonLd(activity, context));
  },
  // Entries after "after"; if there are none, waits up to "wait" milliseconds for the next one.
  async log({ after = 0, wait = 0 }) {
    if (log.length <= after && wait > 0) {
      await new Promise((wake) => {
        waiting.add(wake);
        setTimeout(wake, wait);
      });
    }
    return log.slice(after);
  },
  relations: ({ actor }) => ({
    followers: [...(followers.get(actor)?.keys() ?? [])],
    following: Object.fromEntries([...(following.get(actor) ?? [])].map(([id, { state }]) => [id, state])),
  }),
  answer({ mode, embeds }) {
    answering = { mode, embeds };
  },
  // The dialects ("cavage", "rfc9421") that inboxes refuse from now on, as servers do that read one only.
  refuse({ dialects, status = 401 }) {
    refusing = { dialects, status };
  },
  // An actor is no more: its address answers 410.
  leave({ actor }) {
    gone.add(actor);
  },
  serve({ path, json, status = 200 }) {
    documents.set(path, { status, json });
    return origin + path;
  },
  // What Fedify makes of an address or a handle, fetched with a signature of ours.
  async lookup({ actor, target }) {
    const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
    const documentLoader = await context.getDocumentLoader({ identifier: actor });
    const found = await context.lookupObject(target, { documentLoader });
    if (found === null) return null;
    const loaders = { documentLoader, contextLoader: context.contextLoader };
    const { document } = await documentLoader(found.id.href);
    const proof = await proofVerdict(document, loaders, Thing);
    return { type: found.constructor.name, json: await found.toJsonLd(), proof };
  },
  // All that Fedify finds in a collection, page by page, each thing fetched by its id.
  async walk({ actor, target }) {
    const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
    const documentLoader = await context.getDocumentLoader({ identifier: actor });
    const collection = await context.lookupObject(target, { documentLoader });
    const items = [];
    for await (const item of context.traverseCollection(collection, { documentLoader })) {
      items.push({ id: item.id.href, type: item.constructor.name, object: item.objectId?.href ?? null });
    }
    return { total: collection.totalItems, items };
  },
  async nodeinfo({ target }) {
    const context = federations[RFC9421].createContext(new URL(origin), { after: [] });
    return await asIfPublic(new URL(target).origin, (named) => context.lookupNodeInfo(named));
  },
  async finger({ target }) {
    return await federations[RFC9421].createContext(new URL(origin), { after: [] }).lookupWebFinger(target);
  },
  // The whole of JSON-LD, with contexts fetched as Fedify fetches them.
  async expand({ document }) {
    const { contextLoader } = federations[RFC9421].createContext(new URL(origin), { after: [] });
    return await jsonld.expand(document, { documentLoader: (url) => contextLoader(url) });
  },
  stop() {
    setImmediate(() => process.exit(0));
    return "stopped";
  },
};

// -- HTTP ------------------------------------------------------------------------------------------------------------

async function answerControl(incoming, outgoing) {
  const request = await readRequest(incoming, "http://control");
  const command = commands[new URL(request().url).pathname.slice(1)];
  if (command === undefined) return writeJson(outgoing, 404, { error: "no such command" });
  try {
    writeJson(outgoing, 200, await command(await request().json()));
  } catch (error) {
    writeJson(outgoing, 500, { error: String(error?.stack ?? error) });
  }
}

// Makes the request anew for each use: of clones that share a body, one that the garbage collector takes may end the
// body of the others.
async function readRequest(incoming, base) {
  const pieces = [];
  for await (const piece of incoming) pieces.push(piece);
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1]);
  const body = incoming.method === "GET" || incoming.method === "HEAD" ? undefined : Buffer.concat(pieces);
  return () => new Request(base + incoming.url, { method: incoming.method, headers, body });
}

async function write(outgoing, response) {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

function writeJson(outgoing, status, value, type = "application/json") {
  outgoing.writeHead(status, { "Content-Type": type });
  outgoing.end(JSON.stringify(value ?? null));
}

process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.write(`${JSON.stringify({ origin, control: `http://127.0.0.1:${control.address().port}` })}\n`);
