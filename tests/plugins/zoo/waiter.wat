;; Asks the upstream "auth" for /wait with all the time there is, and lets the request pass, whatever the answer.
(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (import "tidegate:gateway/http-client@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 1024) "auth")
  (data (i32.const 1032) "GET")
  (data (i32.const 1040) "/wait")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get 3))))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32)
    (global.set $heap (i32.const 65536))
    (call $drop (local.get $request))
    (call $send
      (i32.const 1024) (i32.const 4) (i32.const 1032) (i32.const 3) (i32.const 1040) (i32.const 5)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 512))
    (i32.const 0)))
