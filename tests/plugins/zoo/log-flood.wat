;; Writes 200 warnings of 8 KiB for each request, with line breaks in them, and lets it pass.
(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (import "tidegate:gateway/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "flooded\nlevel=ERROR forged")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32) (local $left i32)
    (call $drop (local.get $request))
    (local.set $left (i32.const 200))
    (loop
      (call $log (i32.const 3) (i32.const 1024) (i32.const 8192))
      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 0)))
