// The server: requests, and its errors in words.

import { t } from "./language.js";
import { apiKey } from "./memory.js";

// What the page itself finds wrong, and what it says of it.
const OWN = { unreadable: "problem.unreadable", unsendable: "problem.unsendable" };

/** What the server, or the way to it, says instead of an answer. */
export class ServerProblem extends Error {
  constructor(status, message, param, code) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
  }

  /** Say it for people, in their language as far as the page knows it. */
  words() {
    const known = { 0: "problem.unreachable", 401: "problem.key", 429: "problem.busy", 503: "problem.loading" };
    const own = this.code && Object.hasOwn(OWN, this.code) ? OWN[this.code] : null;
    const before = own ?? known[this.status] ?? (this.status >= 500 ? "problem.server" : null);
    return before ? `${t(before)} ${this.message}`.trim() : this.message;
  }
}

/** Give the answer of a route; with a body it is posted. */
export async function ask(path, body = null, signal = null) {
  const answer = await reach(path, body, signal);
  return read(() => answer.json());
}

/** Give the answer of a route as text. */
export async function askText(path, signal = null) {
  const answer = await reach(path, null, signal);
  return read(() => answer.text());
}

/** Read an answer that has come; one that breaks off, or is of something else than samesay, is a problem. */
async function read(body) {
  try {
    return await body();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerProblem(0, "", null, "unreadable");
  }
}

async function reach(path, body, signal) {
  const headers = {};
  if (apiKey()) headers.Authorization = `Bearer ${apiKey()}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method: body === null ? "GET" : "POST",
      headers,
      body: body === null ? undefined : JSON.stringify(body),
      signal,
      credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    // A key with signs that no header can hold never leaves the browser.
    const key = error instanceof TypeError && /header|ISO-8859-1|ByteString/i.test(error.message);
    throw key ? wanting(new ServerProblem(401, "", null, "unsendable")) : new ServerProblem(0, "", null, null);
  }
  if (answer.ok) return answer;
  let said = {};
  try {
    said = (await answer.json()).error ?? {};
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  const problem = new ServerProblem(
    answer.status, said.message ?? answer.statusText, said.param ?? null, said.code ?? null,
  );
  throw answer.status === 401 ? wanting(problem) : problem;
}

/** Tell everybody that another key is wanted. */
function wanting(problem) {
  document.dispatchEvent(new CustomEvent("key-wanted", { detail: problem }));
  return problem;
}

/**
 * Run only the newest of a row of tasks, when nothing newer came for `pause` milliseconds. A task gets a
 * signal that tells it that it has become old; what it throws then is not an error.
 */
export function newest(pause) {
  let timer = null;
  let controller = null;
  function stop() {
    clearTimeout(timer);
    controller?.abort();
    controller = null;
  }
  function run(task) {
    stop();
    timer = setTimeout(async () => {
      const mine = (controller = new AbortController());
      try {
        await task(mine.signal);
      } catch (error) {
        if (!mine.signal.aborted) throw error;
      }
    }, pause);
  }
  return { run, stop };
}
