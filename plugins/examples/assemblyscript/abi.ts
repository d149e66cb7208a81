// The canonical ABI by hand: how the values of the contract lie in memory, and the functions on both sides.
//
// Nothing here is collected. Memory of a call comes from one block that is used anew by the next call, and what is kept
// (the configuration) is moved to a block of its own.

// ---- memory

let block: usize = heap.alloc(4096);
let capacity: usize = 4096;
let used: usize = 0;

/** Memory until the next call begins. */
export function allocate(size: usize, align: usize): usize {
  const at = (used + align - 1) & ~(align - 1);
  if (at + size > capacity) {
    // What was handed out stays where it is; from the next call on there is room in one piece.
    capacity = max(capacity * 2, size);
    block = heap.alloc(capacity);
    used = size;
    return block;
  }
  used = at + size;
  return block + at;
}

/** Begins a call that brings nothing in memory with it. */
export function forget(): void {
  used = 0;
}

/** How the gateway asks for room for what it hands over. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  const fresh = allocate(size, align);
  if (old != 0) memory.copy(fresh, old, min(oldSize, size));
  return fresh;
}

// ---- values

/** A `string` or a `list<u8>`; also any other list, with the number of its elements as length. */
@unmanaged
export class Bytes {
  at: usize;
  length: usize;

  equals(other: Bytes): bool {
    return this.length == other.length && memory.compare(this.at, other.at, this.length) == 0;
  }
}

@unmanaged
export class Field {
  nameAt: usize;
  nameLength: usize;
  valueAt: usize;
  valueLength: usize;
}

@unmanaged
export class Edit {
  tag: u8;
  /** Of the field to remove, its name alone. */
  nameAt: usize;
  nameLength: usize;
  valueAt: usize;
  valueLength: usize;
}

export const SET: u8 = 0;
export const REMOVE: u8 = 2;

@unmanaged
export class Problem {
  pathAt: usize;
  pathLength: usize;
  messageAt: usize;
  messageLength: usize;
}

/** `result<_, list<problem>>`. */
@unmanaged
export class Configured {
  failed: u8;
  problems: usize;
  count: usize;
}

/** The case `forward` of a decision; `option<u64>` puts everything on multiples of 8. */
@unmanaged
export class Forward {
  tag: u64;
  request: usize;
  requestCount: usize;
  response: usize;
  responseCount: usize;
  hasConsumer: u64;
  consumer: u64;
  hasTarget: u32;
  targetAt: usize;
  targetLength: usize;
}

/** The case `respond` of a decision. */
@unmanaged
export class Respond {
  tag: u64;
  status: u32;
  headers: usize;
  headerCount: usize;
  bodyAt: usize;
  bodyLength: usize;
}

export const FORWARD: u64 = 0;
export const RESPOND: u64 = 1;

/** `result<list<u8>, ambiguity>`. */
@unmanaged
export class SoleHeader {
  failed: u8;
  at: usize;
  length: usize;
}

/** `option<consumer-id>`. */
@unmanaged
export class MaybeConsumer {
  some: u8;
  id: u64;
}

// ---- what the gateway lends

// @ts-ignore: decorator
@external("tidegate:gateway/http@0.1.0", "[method]request.path")
export declare function requestPath(request: i32, path: Bytes): void;

// @ts-ignore: decorator
@external("tidegate:gateway/http@0.1.0", "[method]request.sole-header")
export declare function requestSoleHeader(request: i32, name: usize, nameLength: usize, value: SoleHeader): void;

// @ts-ignore: decorator
@external("tidegate:gateway/http@0.1.0", "[resource-drop]request")
export declare function dropRequest(request: i32): void;

// @ts-ignore: decorator
@external("tidegate:gateway/consumers@0.1.0", "find-by-key")
export declare function findByKey(key: usize, keyLength: usize, consumer: MaybeConsumer): void;
