// Lets requests with a known API key pass: the example policy that stands beside this one in five more languages.

import { findByKey } from "tidegate:gateway/consumers@0.1.0";

const DEFAULTS = { header: "apikey", tag: "x-gate", mark: "javascript", public: "/health" };

let settings = DEFAULTS;

const encoder = new TextEncoder();
const bytes = (text) => encoder.encode(text);

const answer = (status, name, value, body) => ({
  tag: "respond",
  val: { status, headers: [{ name, value: bytes(value) }], body: bytes(body) },
});

const set = (name, value) => ({ tag: "set", val: { name, value: bytes(value) } });
const remove = (name) => ({ tag: "remove", val: name });

const HEALTHY = answer(200, "content-type", "text/plain", "ok\n");
const REFUSED = answer(401, "www-authenticate", "ApiKey", '{"error":"no key"}\n');

function problemsOf(given) {
  const keys = Object.keys(DEFAULTS).join(", ");
  return Object.entries(given).flatMap(([path, value]) => {
    if (!Object.hasOwn(DEFAULTS, path)) return [{ path, message: `unknown key; the keys are ${keys}` }];
    return typeof value === "string" ? [] : [{ path, message: "must be a string" }];
  });
}

export const configuration = {
  configure(text) {
    const given = JSON.parse(text);
    const problems = problemsOf(given);
    if (problems.length > 0) throw problems;
    settings = { ...DEFAULTS, ...given };
  },
};

export const requestPolicy = {
  onRequest(request) {
    if (request.path() === settings.public) return HEALTHY;
    const consumer = identify(request);
    return consumer === undefined ? REFUSED : { tag: "forward", val: admit(consumer) };
  },
};

function identify(request) {
  try {
    return findByKey(request.soleHeader(settings.header));
  } catch (error) {
    // Anything but the contract's own error is a mistake of this program, and ends the call.
    if (error.payload !== "missing" && error.payload !== "repeated") throw error;
    return undefined;
  }
}

function admit(consumer) {
  return {
    request: [remove(settings.header), set(settings.tag, settings.mark)],
    response: [set("x-policy", "key-gate")],
    consumer,
    target: undefined,
  };
}
