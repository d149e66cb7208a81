;; Reads the path, for which the gateway asks it for memory, and never gives any.
(module
  (import "tidegate:gateway/http@0.1.0" "[method]request.path" (func $path (param i32 i32)))
  (memory (export "memory") 1)
  (global $asked (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (global.get $asked) (then (loop (br 0))))
    (i32.const 1024))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32)
    (global.set $asked (i32.const 1))
    (call $path (local.get $request) (i32.const 512))
    (unreachable)))
