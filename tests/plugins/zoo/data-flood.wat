;; Keeps 8 KiB under each of 50 new keys for each request, for ever, and lets it pass.
(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (import "tidegate:gateway/shared-data@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32) (local $left i32)
    (call $drop (local.get $request))
    (local.set $left (i32.const 50))
    (loop
      (i32.store (i32.const 1024) (i32.add (i32.load (i32.const 1024)) (i32.const 1)))
      (call $set (i32.const 1024) (i32.const 4) (i32.const 1024) (i32.const 8192) (i32.const 0) (i32.const 512))
      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    ;; The result of the last call lies at 512; the decision is what is zero at 0.
    (i32.const 0)))
