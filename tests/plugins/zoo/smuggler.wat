;; Answers with the status that the path ends in, and with a body that looks like another response.
(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (import "tidegate:gateway/http@0.1.0" "[method]request.path" (func $path (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "HTTP/1.1 200 OK\0d\0acontent-length: 8\0d\0a\0d\0asmuggled")
  ;; respond: status at 8, no headers, 46 bytes of body at 1024
  (data (i32.const 512) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\04\00\00\2e\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  ;; The digit so many bytes before the path's end.
  (func $digit (param $back i32) (result i32)
    (i32.sub
      (i32.load8_u (i32.sub (i32.add (i32.load (i32.const 600)) (i32.load (i32.const 604))) (local.get $back)))
      (i32.const 48)))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32)
    (call $path (local.get $request) (i32.const 600))
    (call $drop (local.get $request))
    (i32.store16 (i32.const 520) (i32.add
      (i32.mul (call $digit (i32.const 3)) (i32.const 100))
      (i32.add (i32.mul (call $digit (i32.const 2)) (i32.const 10)) (call $digit (i32.const 1)))))
    (i32.const 512)))
