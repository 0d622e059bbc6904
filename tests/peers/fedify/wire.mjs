// What Fedify sends, seen and directed at the one place where all of it goes out: the global fetch. It must never change
// a signed request.
//
// Two things that Fedify does on the open Internet only are let through here to loopback, where tests live: WebFinger of
// @name@host goes by TLS, and NodeInfo is asked of public addresses only.

import { AsyncLocalStorage } from "node:async_hooks";

export const CAVAGE = "draft-cavage-http-signatures-12";
export const RFC9421 = "rfc9421";

const DIALECT = { [CAVAGE]: "cavage", [RFC9421]: "rfc9421" };
const STAND_IN = "http://93.184.216.34"; // a public address, under which nothing is ever asked
const knocking = new AsyncLocalStorage();
const posing = new AsyncLocalStorage(); // the origin that poses as STAND_IN
const plainFetch = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const request = input instanceof Request ? input : new Request(input, init);
  const knock = { method: request.method, url: request.url, dialect: dialectOf(request.headers), status: 0 };
  knocking.getStore()?.push(knock);
  const response = await send(input, init, request.url);
  knock.status = response.status;
  return response;
};

async function send(input, init, address) {
  const real = posing.getStore();
  if (real !== undefined && address.startsWith(STAND_IN)) {
    const response = await plainFetch(address.replace(STAND_IN, real), init);
    return new Response((await response.text()).replaceAll(real, STAND_IN), response);
  }
  if (address.startsWith("https://127.0.0.1:")) return await plainFetch(address.replace("https:", "http:"), init);
  return await plainFetch(input, init);
}

// The dialect that a request is signed in: "rfc9421", "cavage" or null.
export function dialectOf(headers) {
  if (headers.has("signature-input")) return DIALECT[RFC9421];
  return headers.has("signature") ? DIALECT[CAVAGE] : null;
}

// What a piece of work gives, and every request that it made.
export async function withKnocks(work) {
  const knocks = [];
  return { result: await knocking.run(knocks, work), knocks };
}

// Do a piece of work with the public address that an origin poses as.
export async function asIfPublic(real, work) {
  return await posing.run(real, () => work(STAND_IN));
}
