;; Answers the calls of WASI preview 1 that language runtimes make when they start, inside of the component, so that it
;; imports nothing but the contract. There are no arguments, no environment and no files; what is written is swallowed.
;; The clock stands still and random numbers repeat: a policy that needs either asks `clock` or `random` of the contract.
;; Unlike the usual adapter it allocates nothing, because Go calls before its own allocator is up.
(module
  (import "env" "memory" (memory 0))

  (global $success i32 (i32.const 0))
  (global $badf i32 (i32.const 8))
  ;; 2020-01-01T00:00:00Z in nanoseconds
  (global $moment i64 (i64.const 1577836800000000000))

  ;; Both counts of a list that is empty.
  (func $none (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (global.get $success))

  (func (export "args_sizes_get") (param i32 i32) (result i32) (call $none (local.get 0) (local.get 1)))
  (func (export "args_get") (param i32 i32) (result i32) (global.get $success))
  (func (export "environ_sizes_get") (param i32 i32) (result i32) (call $none (local.get 0) (local.get 1)))
  (func (export "environ_get") (param i32 i32) (result i32) (global.get $success))

  (func (export "clock_res_get") (param i32 i32) (result i32)
    (i64.store (local.get 1) (i64.const 1000000))
    (global.get $success))
  (func (export "clock_time_get") (param i32 i64 i32) (result i32)
    (i64.store (local.get 2) (global.get $moment))
    (global.get $success))

  ;; A linear congruential generator that starts over at each call.
  (func (export "random_get") (param $at i32) (param $left i32) (result i32)
    (local $state i32)
    (local.set $state (i32.const 0x2545f491))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $state (i32.add (i32.mul (local.get $state) (i32.const 1664525)) (i32.const 1013904223)))
        (i32.store8 (local.get $at) (i32.shr_u (local.get $state) (i32.const 24)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (global.get $success))

  ;; Everything is written: the sum of the lengths of all pieces.
  (func (export "fd_write") (param $fd i32) (param $piece i32) (param $pieces i32) (param $written i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $pieces)))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $piece))))
        (local.set $piece (i32.add (local.get $piece) (i32.const 8)))
        (local.set $pieces (i32.sub (local.get $pieces) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (global.get $success))

  ;; The first thing waited for has come, without an error and as what it is: a clock is 0, a descriptor 1 or 2.
  (func (export "poll_oneoff") (param $wants i32) (param $event i32) (param $count i32) (param $events i32) (result i32)
    (i64.store (local.get $event) (i64.load (local.get $wants)))
    (i32.store16 offset=8 (local.get $event) (i32.const 0))
    (i32.store8 offset=10 (local.get $event) (i32.load8_u offset=8 (local.get $wants)))
    (i32.store (local.get $events) (i32.const 1))
    (global.get $success))

  (func (export "sched_yield") (result i32) (global.get $success))
  (func (export "proc_exit") (param i32) unreachable)

  ;; No descriptor is open.
  (func (export "fd_close") (param i32) (result i32) (global.get $badf))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (global.get $badf))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (global.get $badf))
  (func (export "fd_fdstat_get") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (global.get $badf))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (global.get $badf))
)
