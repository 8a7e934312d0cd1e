/* Requests to the service: without cookies, in the reader's language, and never for ever. */
import { own } from "./own.js";

const TIME_LIMIT = 30;
const KIND = { "Content-Type": "application/json" };
const LONGEST_WAIT = 5;

/* What the script element says that this was loaded by, if there is one. */
export const loadedBy = document.currentScript ?? document.querySelector("script[src*='/embed/comments.js']");

/* The service is where its script came from; a script that was moved or inlined knows it by itself. */
export const base = loadedBy?.src.includes("/embed/comments.js")
  ? new URL("..", loadedBy.src).href
  : `${own.service}/`;

/* An element may name the service that it asks. */
export const baseOf = (host) => host.getAttribute("service")?.replace(/\/?$/, "/") ?? base;

/* Returns what the service answers; where that is no success, raises the problem that it named, its `code`, and for how
   long to `wait`; raises whatever else went wrong on the way. */
export const request = async (path, { base, language }, { headers, ...options } = {}) => {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIME_LIMIT * 1000);
  try {
    const answer = await fetch(`${base}api/v1/${path}`, {
      ...options,
      credentials: "omit",
      headers: { "Accept-Language": language, ...(options.body && KIND), ...headers },
      signal: stop.signal,
    });
    const found = answer.status === 204 ? {} : await answer.json();
    if (!answer.ok) {
      const { status, headers: said } = answer;
      const code = String(found.type).split(":").pop();
      throw Object.assign(new Error(code), { problem: found, code, status, wait: said.get("Retry-After") });
    }
    return found;
  } finally {
    clearTimeout(timer);
  }
};

/* Where the service asks to come back in a moment, it does so by itself; the key keeps one comment one. */
export const post = async ({ body, key }, from) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request("comments", from, { method: "POST", headers: { "Idempotency-Key": key }, body });
    } catch (fault) {
      const wait = Number(fault.wait ?? Infinity);
      if (fault.status !== 503 || attempt === 3 || wait > LONGEST_WAIT) throw fault;
      await new Promise((go) => setTimeout(go, wait * 1000));
    }
  }
};
