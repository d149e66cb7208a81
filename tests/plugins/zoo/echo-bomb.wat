;; Returns 100 000 edits that all point at the same 512 KiB: 48 GiB, out of less than 3 MiB of memory.
(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (memory (export "memory") 48)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32) (local $edit i32)
    (call $drop (local.get $request))
    (memory.fill (i32.const 65536) (i32.const 97) (i32.const 524288))
    (local.set $edit (i32.const 1048576))
    (loop
      ;; append(name: "aaa", value: 512 KiB of "a")
      (i32.store (local.get $edit) (i32.const 1))
      (i32.store offset=4 (local.get $edit) (i32.const 65536))
      (i32.store offset=8 (local.get $edit) (i32.const 3))
      (i32.store offset=12 (local.get $edit) (i32.const 65536))
      (i32.store offset=16 (local.get $edit) (i32.const 524288))
      (local.set $edit (i32.add (local.get $edit) (i32.const 20)))
      (br_if 0 (i32.lt_u (local.get $edit) (i32.const 3048576))))
    ;; forward: the request's edits lie at 8 of the decision, which is all zero otherwise
    (i32.store (i32.const 520) (i32.const 1048576))
    (i32.store (i32.const 524) (i32.const 100000))
    (i32.const 512)))
