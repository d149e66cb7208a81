// Lets requests with a known API key pass.

import { findByKey } from "tidegate:gateway/consumers@0.1.0";

const DEFAULTS = { header: "apikey" };

let settings = DEFAULTS;

const encoder = new TextEncoder();

const remove = (name) => ({ tag: "remove", val: name });

const REFUSED = {
  tag: "respond",
  val: {
    status: 401,
    headers: [{ name: "www-authenticate", value: encoder.encode("ApiKey") }],
    body: encoder.encode(""),
  },
};

export const configuration = {
  configure(text) {
    const given = JSON.parse(text);
    const unknown = Object.keys(given).filter((key) => !Object.hasOwn(DEFAULTS, key));
    if (unknown.length > 0) throw unknown.map((path) => ({ path, message: "unknown key" }));
    settings = { ...DEFAULTS, ...given };
  },
};

export const requestPolicy = {
  onRequest(request) {
    const consumer = identify(request);
    if (consumer === undefined) return REFUSED;
    const forward = { request: [remove(settings.header)], response: [], consumer, target: undefined };
    return { tag: "forward", val: forward };
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
