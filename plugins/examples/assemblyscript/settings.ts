// What an operator may write under `config`, and a reader for one flat JSON object of strings, which is all of it.
//
// The gateway wrote the text, so that it is JSON; what is refused here is what this policy cannot use: values that are no
// strings, keys it does not know, and characters written as \u.

import { Bytes, Problem } from "./abi";

/** Text that stays, as the contract wants it. */
export function literal(text: string): Bytes {
  const bytes = changetype<Bytes>(heap.alloc(offsetof<Bytes>()));
  bytes.length = String.UTF8.byteLength(text);
  bytes.at = heap.alloc(bytes.length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, bytes.at);
  return bytes;
}

const KEYS = StaticArray.fromArray([literal("header"), literal("tag"), literal("mark"), literal("public")]);
const VALUES = StaticArray.fromArray([literal("apikey"), literal("x-gate"), literal("assemblyscript"), literal("/health")]);

export const enum Setting { Header, Tag, Mark, Public }

export function setting(which: Setting): Bytes {
  return VALUES[which];
}

const UNKNOWN = literal("unknown key; the keys are header, tag, mark, public");
const NO_STRING = literal("must be a string");
const NO_OBJECT = literal("must be an object of strings without \\u escapes");
const NOWHERE = literal("");

// As many problems as this are told at once.
const MOST: usize = 16;
export const problems: usize = heap.alloc(MOST * offsetof<Problem>());
export let problemCount: usize = 0;

let at: usize = 0;
let end: usize = 0;

// ---- characters

function peek(): u8 {
  while (at < end && isSpace(load<u8>(at))) at++;
  return at < end ? load<u8>(at) : 0;
}

function isSpace(character: u8): bool {
  return character == 0x20 || character == 0x09 || character == 0x0a || character == 0x0d;
}

function take(wanted: u8): bool {
  if (peek() != wanted) return false;
  at++;
  return true;
}

/** The character after a backslash, or 0 for one that this reader does not know. */
function unescaped(character: u8): u8 {
  switch (character) {
    case 0x22: case 0x2f: case 0x5c: return character;
    case 0x62: return 0x08;
    case 0x66: return 0x0c;
    case 0x6e: return 0x0a;
    case 0x72: return 0x0d;
    case 0x74: return 0x09;
    default: return 0;
  }
}

/** A string that stays, or null. Unescaped text is never longer than what it was written as. */
function readString(): Bytes | null {
  if (!take(0x22)) return null;
  const text = changetype<Bytes>(heap.alloc(offsetof<Bytes>()));
  text.at = heap.alloc(end - at + 1);
  text.length = 0;
  while (at < end && load<u8>(at) != 0x22) {
    let character = load<u8>(at++);
    if (character == 0x5c) character = at < end ? unescaped(load<u8>(at++)) : 0;
    if (character == 0) return null;
    store<u8>(text.at + text.length++, character);
  }
  return take(0x22) ? text : null;
}

/** Passes over a number, word, list or object. */
function skipValue(): bool {
  let depth = 0;
  do {
    const next = peek();
    if (next == 0) return false;
    if (next == 0x22) {
      if (!readString()) return false;
      continue;
    }
    if (next == 0x7b || next == 0x5b) depth++;
    if (next == 0x7d || next == 0x5d) depth--;
    at++;
  } while (depth > 0 || !(peek() == 0x2c || peek() == 0x7d));
  return true;
}

// ---- members

function addProblem(path: Bytes, message: Bytes): void {
  if (problemCount == MOST) return;
  const problem = changetype<Problem>(problems + problemCount++ * offsetof<Problem>());
  problem.pathAt = path.at;
  problem.pathLength = path.length;
  problem.messageAt = message.at;
  problem.messageLength = message.length;
}

function readMember(): bool {
  const key = readString();
  if (!key || !take(0x3a)) return false;
  let which = 0;
  while (which < KEYS.length && !KEYS[which].equals(key)) which++;
  if (which == KEYS.length || peek() != 0x22) {
    addProblem(key, which == KEYS.length ? UNKNOWN : NO_STRING);
    return skipValue();
  }
  const value = readString();
  if (!value) return false;
  VALUES[which] = value;
  return true;
}

function readObject(): bool {
  if (!take(0x7b)) return false;
  if (take(0x7d)) return true;
  do {
    if (!readMember()) return false;
  } while (take(0x2c));
  return take(0x7d) && peek() == 0;
}

/** Takes the configuration over; what is wrong with it is in `problems`. */
export function readSettings(text: usize, length: usize): void {
  at = text;
  end = text + length;
  problemCount = 0;
  if (!readObject()) addProblem(NOWHERE, NO_OBJECT);
}
