;; Never comes up.
(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (memory (export "memory") 1)
  (func $forever (loop (br 0)))
  (start $forever)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32)
    (call $drop (local.get $request))
    (i32.const 0)))
