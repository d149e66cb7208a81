// Lets requests with a known API key pass.

import {
  allocate, Bytes, Configured, dropRequest, Edit, Field, findByKey, FORWARD, forget, Forward, MaybeConsumer, Problem,
  REMOVE, requestSoleHeader, RESPOND, Respond, SoleHeader,
} from "./abi";

export { cabi_realloc } from "./abi";

const HEADER = literal("apikey");
const CHALLENGE = literal("www-authenticate");
const API_KEY = literal("ApiKey");
const NOTHING = literal("{}");
const NO_KEYS = literal("takes no configuration");

/** Text that stays, as the contract wants it. */
function literal(text: string): Bytes {
  const bytes = changetype<Bytes>(heap.alloc(offsetof<Bytes>()));
  bytes.length = String.UTF8.byteLength(text);
  bytes.at = heap.alloc(bytes.length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, bytes.at);
  return bytes;
}

/** This policy has no keys: whatever is configured is refused. */
export function configure(text: usize, length: usize): Configured {
  const result = changetype<Configured>(allocate(offsetof<Configured>(), 4));
  const isEmpty = length == NOTHING.length && memory.compare(text, NOTHING.at, length) == 0;
  const problem = changetype<Problem>(allocate(offsetof<Problem>(), 4));
  problem.pathAt = NO_KEYS.at;
  problem.pathLength = 0;
  problem.messageAt = NO_KEYS.at;
  problem.messageLength = NO_KEYS.length;
  result.failed = u8(!isEmpty);
  result.problems = changetype<usize>(problem);
  result.count = 1;
  return result;
}

export function onRequest(request: i32): usize {
  forget();
  const consumer = identify(request);
  // Handed back before the call ends: it was borrowed.
  dropRequest(request);
  return consumer.some ? admit(consumer.id) : refuse();
}

function identify(request: i32): MaybeConsumer {
  const key = changetype<SoleHeader>(allocate(offsetof<SoleHeader>(), 4));
  const consumer = changetype<MaybeConsumer>(allocate(offsetof<MaybeConsumer>(), 8));
  consumer.some = 0;
  requestSoleHeader(request, HEADER.at, HEADER.length, key);
  if (!key.failed) findByKey(key.at, key.length, consumer);
  return consumer;
}

function admit(consumer: u64): usize {
  const remove = changetype<Edit>(allocate(offsetof<Edit>(), 4));
  remove.tag = REMOVE;
  remove.nameAt = HEADER.at;
  remove.nameLength = HEADER.length;
  const forward = changetype<Forward>(allocate(offsetof<Forward>(), 8));
  forward.tag = FORWARD;
  forward.request = changetype<usize>(remove);
  forward.requestCount = 1;
  forward.responseCount = 0;
  forward.hasConsumer = 1;
  forward.consumer = consumer;
  forward.hasTarget = 0;
  return changetype<usize>(forward);
}

function refuse(): usize {
  const header = changetype<Field>(allocate(offsetof<Field>(), 4));
  header.nameAt = CHALLENGE.at;
  header.nameLength = CHALLENGE.length;
  header.valueAt = API_KEY.at;
  header.valueLength = API_KEY.length;
  const answer = changetype<Respond>(allocate(offsetof<Respond>(), 8));
  answer.tag = RESPOND;
  answer.status = 401;
  answer.headers = changetype<usize>(header);
  answer.headerCount = 1;
  answer.bodyLength = 0;
  return changetype<usize>(answer);
}
