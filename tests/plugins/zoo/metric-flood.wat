;; Adds to 200 counters for each request, each with a label value that was never there, and lets it pass.
(module
  (import "tidegate:gateway/http@0.1.0" "[resource-drop]request" (func $drop (param i32)))
  (import "tidegate:gateway/metrics@0.1.0" "add" (func $add (param i32 i32 i32 i32 f64)))
  (memory (export "memory") 1)
  (global $value (mut i32) (i32.const 0))
  (data (i32.const 1024) "flood_total")
  (data (i32.const 1040) "n")
  ;; One label: name at 1040, value of eight letters at 1056.
  (data (i32.const 1072) "\10\04\00\00\01\00\00\00\20\04\00\00\08\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func $letters (local $rest i32) (local $at i32)
    (local.set $rest (global.get $value))
    (local.set $at (i32.const 8))
    (loop
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 offset=1056 (local.get $at) (i32.add (i32.const 97) (i32.and (local.get $rest) (i32.const 15))))
      (local.set $rest (i32.shr_u (local.get $rest) (i32.const 4)))
      (br_if 0 (local.get $at))))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32) (local $left i32)
    (call $drop (local.get $request))
    (local.set $left (i32.const 200))
    (loop
      (global.set $value (i32.add (global.get $value) (i32.const 1)))
      (call $letters)
      (call $add (i32.const 1024) (i32.const 11) (i32.const 1072) (i32.const 1) (f64.const 1))
      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 0)))
