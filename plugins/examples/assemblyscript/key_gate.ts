// Lets requests with a known API key pass: the example policy that stands beside this one in five more languages.

import {
  allocate, Bytes, Configured, dropRequest, Edit, Field, findByKey, FORWARD, forget, Forward, MaybeConsumer, REMOVE,
  requestPath, requestSoleHeader, RESPOND, Respond, SET, SoleHeader,
} from "./abi";
import { literal, problemCount, problems, readSettings, Setting, setting } from "./settings";

export { cabi_realloc } from "./abi";

const CONTENT_TYPE = literal("content-type");
const TEXT = literal("text/plain");
const HEALTHY = literal("ok\n");
const CHALLENGE = literal("www-authenticate");
const API_KEY = literal("ApiKey");
const REFUSED = literal('{"error":"no key"}\n');
const POLICY = literal("x-policy");
const KEY_GATE = literal("key-gate");

export function configure(text: usize, length: usize): Configured {
  readSettings(text, length);
  const result = changetype<Configured>(allocate(offsetof<Configured>(), 4));
  result.failed = u8(problemCount > 0);
  result.problems = problems;
  result.count = problemCount;
  return result;
}

export function onRequest(request: i32): usize {
  forget();
  const decision = decide(request);
  // Handed back before the call ends: it was borrowed.
  dropRequest(request);
  return decision;
}

function decide(request: i32): usize {
  const path = changetype<Bytes>(allocate(offsetof<Bytes>(), 4));
  requestPath(request, path);
  if (path.equals(setting(Setting.Public))) return respond(200, CONTENT_TYPE, TEXT, HEALTHY);
  const consumer = identify(request);
  return consumer.some ? admit(consumer.id) : respond(401, CHALLENGE, API_KEY, REFUSED);
}

function identify(request: i32): MaybeConsumer {
  const name = setting(Setting.Header);
  const key = changetype<SoleHeader>(allocate(offsetof<SoleHeader>(), 4));
  const consumer = changetype<MaybeConsumer>(allocate(offsetof<MaybeConsumer>(), 8));
  requestSoleHeader(request, name.at, name.length, key);
  if (key.failed) {
    consumer.some = 0;
  } else {
    findByKey(key.at, key.length, consumer);
  }
  return consumer;
}

function admit(consumer: u64): usize {
  const edits = allocate(3 * offsetof<Edit>(), 4);
  const remove = changetype<Edit>(edits);
  remove.tag = REMOVE;
  remove.nameAt = setting(Setting.Header).at;
  remove.nameLength = setting(Setting.Header).length;
  set(changetype<Edit>(edits + offsetof<Edit>()), setting(Setting.Tag), setting(Setting.Mark));
  set(changetype<Edit>(edits + 2 * offsetof<Edit>()), POLICY, KEY_GATE);
  const forward = changetype<Forward>(allocate(offsetof<Forward>(), 8));
  forward.tag = FORWARD;
  forward.request = edits;
  forward.requestCount = 2;
  forward.response = edits + 2 * offsetof<Edit>();
  forward.responseCount = 1;
  forward.hasConsumer = 1;
  forward.consumer = consumer;
  forward.hasTarget = 0;
  return changetype<usize>(forward);
}

function set(edit: Edit, name: Bytes, value: Bytes): void {
  edit.tag = SET;
  edit.nameAt = name.at;
  edit.nameLength = name.length;
  edit.valueAt = value.at;
  edit.valueLength = value.length;
}

function respond(status: u32, name: Bytes, value: Bytes, body: Bytes): usize {
  const header = changetype<Field>(allocate(offsetof<Field>(), 4));
  header.nameAt = name.at;
  header.nameLength = name.length;
  header.valueAt = value.at;
  header.valueLength = value.length;
  const answer = changetype<Respond>(allocate(offsetof<Respond>(), 8));
  answer.tag = RESPOND;
  answer.status = status;
  answer.headers = changetype<usize>(header);
  answer.headerCount = 1;
  answer.bodyAt = body.at;
  answer.bodyLength = body.length;
  return changetype<usize>(answer);
}
