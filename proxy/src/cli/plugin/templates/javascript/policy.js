// Lets requests with a known API key pass.

import consumers from "tidegate:gateway/consumers@0.1.0";

const DEFAULTS = { header: "apikey" };

let settings = DEFAULTS;

// The engine has no TextEncoder; this one is for ASCII.
const bytes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

const remove = (name) => ({ tag: "remove", val: name });

const REFUSED = {
  tag: "respond",
  val: { status: 401, headers: [{ name: "www-authenticate", value: bytes("ApiKey") }], body: bytes("") },
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
    if (consumer === null) return REFUSED;
    return { tag: "forward", val: { request: [remove(settings.header)], response: [], consumer, target: null } };
  },
};

function identify(request) {
  try {
    return consumers.findByKey(request.soleHeader(settings.header));
  } catch (ambiguity) {
    // Anything but the contract's own error is a mistake of this program, and ends the call.
    if (ambiguity !== "missing" && ambiguity !== "repeated") throw ambiguity;
    return null;
  }
}
