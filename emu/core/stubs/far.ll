; Stubs before the helpers of far transfers and segment loads (emu.core.far_stubs).

;; far: a helper; `keep`: what it does of the parts below
define i64 @far_{name}(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e) {
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  br i1 %ours, label %look, label %go
look:
  %flags = field i32 %env {env_hflags}
  %level = and i32 %flags, {cpl}
  %smap = and i32 %flags, {smap}
  %outer = icmp eq i32 %level, {cpl}
  %on = icmp ne i32 %smap, 0
  %maybe = or i1 %outer, %on
  %ask = or i1 %maybe, {always}
  br i1 %ask, label %prepare, label %prepared
prepare:
  %ra = caller
  %f = inttoptr i64 {before} to i64 (i64, i64, i64, i64)*
  %r0 = call i64 %f(i64 %c, i64 %ra, i64 {what}, i64 {operand})
  br label %prepared
prepared:
{keep}
  br label %go
go:
  %r = tail call i64 {target}(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e)
  ret i64 %r
}

;; keep: a far transfer of protected mode: the state before it; the next block asks: its deadline is now (emu.core.clock)
  %deadline.p = place i64 %c {deadline}
  store i64 0, i64* %deadline.p
  %core = field i64 %c {cpu_core}
  %left.p = place i64 %env {env_left}
  %left = load i64, i64* %left.p
  %cycles = lshr i64 %left, 32
  %counted = and i64 %left, 4294967295
  store i64 %counted, i64* %left.p
  %until.p = place i64 %core {core_end}
  %until = load i64, i64* %until.p
  %now = sub i64 %until, %cycles
  store i64 %now, i64* %until.p
  %far = field i64 %c {far_state}
  %rsp = field i64 %env {env_rsp}
  %end.p = place i64 %far {state_bytes}
  store i64 %rsp, i64* %end.p
  %copy.p = inttoptr i64 %far to i8*
  %state.p = place i8 %env {state_first}
  call void @llvm.memcpy.p0i8.p0i8.i64(i8* %copy.p, i8* %state.p, i64 {state_bytes}, i1 false)

;; gate: a CALL: the engine refuses a task register whose type is "busy", by ending the process, where a gate to an inner level needs
; the TSS: the architecture's is always busy.  `emu.core.undo.busy` gives it its type back before anything looks
  %task.p = place i32 %env {env_tr_attributes}
  %task = load i32, i32* %task.p
  %task.free = and i32 %task, {not_busy}
  store i32 %task.free, i32* %task.p
