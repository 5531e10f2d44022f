; Stubs in place of helpers of instructions: they leave the block, or go on to the helper.

;; intercept: a sensitive instruction: the model executes it
define i64 @intercept_{name}(i64 %env, i64 %a, i64 %b) {
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %ra.i = caller
  %ra = and i64 %ra.i, {keep}
  leave {number}
  ret i64 0
other:
  %o = inttoptr i64 {original} to i64 (i64, i64, i64)*
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b)
  ret i64 %r
}

;; quick: an instruction that a kernel may execute within the block, the model if not
define i64 @intercept_{name}(i64 %env, i64 %a, i64 %b) {
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %f = inttoptr i64 {quick} to i64 (i64, i64, i64)*
  %done = call i64 %f(i64 %c, i64 %env, i64 {kind})
  %no = icmp eq i64 %done, 0
  br i1 %no, label %report, label %out
out:
  %core = field i64 %c {cpu_core}
  %value = field i64 %core {core_value_read}
  ret i64 %value
report:
  %ra = caller
  leave {number}
  ret i64 0
other:
  %o = inttoptr i64 {original} to i64 (i64, i64, i64)*
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b)
  ret i64 %r
}

;; guard: x87 and SSE state: #NM while the task-switched flag is set
define i64 @intercept_{name}(i64 %env, i64 %a, i64 %b) {
  %flags = field i32 %env {env_hflags}
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  %bit = and i32 %flags, {ts}
  %set = icmp ne i32 %bit, 0
  %stop = and i1 %ours, %set
  br i1 %stop, label %leave, label %other
leave:
  %ra = caller
  leave {number}
  ret i64 0
other:
  %o = inttoptr i64 {original} to i64 (i64, i64, i64)*
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b)
  ret i64 %r
}

;; switch: a far transfer of legacy protected mode: the model looks whether it switches tasks
define i64 @intercept_{name}(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e) {
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %hidden = field i32 %env {env_hflags}
  %long = and i32 %hidden, {lma}
  %flags = field i64 %env {env_eflags}
  %have = and i64 %flags, {need}
  %step.v = field i64 %c {iret_step}
  %step = and i64 %step.v, {looked}
  %legacy = icmp eq i32 %long, 0
  %needed = icmp eq i64 %have, {need}
  %new = icmp eq i64 %step, 0
  %both = and i1 %legacy, %needed
  %leave = and i1 %both, %new
  br i1 %leave, label %report, label %other
report:
  %ra = caller
  leave {number}
  ret i64 0
other:
  %o = inttoptr i64 {original} to i64 (i64, i64, i64, i64, i64)*
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b, i64 %d, i64 %e)
  ret i64 %r
}
