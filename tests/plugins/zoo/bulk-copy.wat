;; Takes 4 MiB and copies them over themselves for ever: between two looks at the clock lie 4 MiB, not one instruction.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "tidegate:gateway/configuration@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "tidegate:gateway/request-policy@0.1.0#on-request") (param $request i32) (result i32)
    (drop (memory.grow (i32.const 63)))
    (loop
      (memory.fill (i32.const 0) (i32.const 255) (i32.const 4194304))
      (memory.copy (i32.const 0) (i32.const 1) (i32.const 4194303))
      (br 0))
    (unreachable)))
