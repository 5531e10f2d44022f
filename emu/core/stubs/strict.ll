; Stubs for what the engine carries out too leniently (emu.core.strict).

;; common: what they share, and loads of segment registers
@strict_block = internal global i64 0
@strict_operands = internal global [3 x i64] zeroinitializer
@strict_first = internal global i64 0
@strict_first_of = internal global i32 0

define internal void @strict_leave(i64 %env, i32 %event, i64 %ra) noinline {
  %e.p = place i32 %env {env_error}
  store i32 0, i32* %e.p
  leave %event
  ret void
}

define void @unaligned(i64 %cs, i64 %address, i32 %type, i32 %index, i64 %ra) {
  %env = add i64 %cs, {cs_env}
  call void @strict_leave(i64 %env, i32 {gp}, i64 %ra)
  ret void
}

define void @strict_load_seg(i64 %env, i32 %register, i32 %selector) {
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  %index = and i32 %selector, 65532
  %null = icmp eq i32 %index, 0
  %ss = icmp eq i32 %register, 2
  %flags.p = place i32 %env {env_hflags}
  %flags = load i32, i32* %flags.p
  %bit = and i32 %flags, {cs64}
  %long = icmp ne i32 %bit, 0
  %b1 = and i1 %ours, %null
  %b2 = and i1 %ss, %long
  %special = and i1 %b1, %b2
  %o = inttoptr i64 {load_seg} to void (i64, i32, i32)*
  br i1 %special, label %look, label %go
go:
  tail call void %o(i64 %env, i32 %register, i32 %selector)
  ret void
look:
  %cpl = and i32 %flags, {cpl}
  %rpl = and i32 %selector, 3
  %same = icmp eq i32 %cpl, %rpl
  %inner = icmp ne i32 %cpl, {cpl}
  %right = and i1 %same, %inner
  br i1 %right, label %load, label %refuse
load:
  call void %o(i64 %env, i32 %register, i32 %selector)
  %now = load i32, i32* %flags.p
  %with = or i32 %now, %cpl
  store i32 %with, i32* %flags.p
  %dpl = shl i32 %cpl, 13
  %attr.p = place i32 %env {env_ss_attributes}
  store i32 %dpl, i32* %attr.p
  ret void
refuse:
{leave_gp}
  ret void
}

define internal void @strict_mxcsr(i64 %env, i64 %at, i64 %ra) noinline {
  %ld = inttoptr i64 {load_32} to i32 (i64, i64, i64)*
  %first = call i32 %ld(i64 %env, i64 %at, i64 %ra)
  %mxcsr.at = add i64 %at, 24
  %mxcsr = call i32 %ld(i64 %env, i64 %mxcsr.at, i64 %ra)
  %high = and i32 %mxcsr, {reserved}
  %bad = icmp ne i32 %high, 0
  br i1 %bad, label %refuse, label %fine
refuse:
  call void @strict_leave(i64 %env, i32 {gp}, i64 %ra)
  ret void
fine:
  ret void
}

;; leave: end the instruction with an exception
  %ra = caller
  call void @strict_leave(i64 %env, i32 {event}, i64 %ra)

;; restore: FXRSTOR, XRSTOR: reserved bits of MXCSR
define void @strict_{name}(i64 %env, i64 %at, i64 %which) {
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  %cr4 = field i64 %env {env_cr4}
  %on.a = and i64 %cr4, {enable}
  %on = icmp ne i64 %on.a, 0
  %low = and i64 %at, {alignment}
  %aligned = icmp eq i64 %low, 0
  %xcr0 = field i64 %env {env_xcr0}
  %asked.b = and i64 %which, %xcr0
  %asked.a = and i64 %asked.b, {asked}
  %asked = icmp eq i64 %asked.a, {asked}
  %c1 = and i1 %ours, %on
  %c2 = and i1 %aligned, %asked
  %look = and i1 %c1, %c2
  br i1 %look, label %check, label %go
check:
  %ferr.p = place i64 %c {ferr}
  store i64 0, i64* %ferr.p
  %ra = caller
  call void @strict_mxcsr(i64 %env, i64 %at, i64 %ra)
  br label %go
go:
  %o = inttoptr i64 {original} to void (i64, i64, i64)*
  tail call void %o(i64 %env, i64 %at, i64 %which)
  ret void
}

;; wait: an x87 instruction; `start`: where it goes first
define i64 @strict_{name}(i64 %env, i64 %a, i64 %b, i64 %d) {
  %status = field i8 %env {env_fpus}
  %summary = and i8 %status, -128
  %none = icmp eq i8 %summary, 0
  %o = inttoptr i64 {original} to i64 (i64, i64, i64, i64)*
  {start}
look:
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %go, label %ours
ours:
  %ferr = field i64 %c {ferr}
  %ignored = icmp eq i64 %ferr, 2
  br i1 %ignored, label %go, label %leave
leave:
{leave_mf}
  ret i64 0
go:
{clear}
  %r = tail call i64 %o(i64 %env, i64 %a, i64 %b, i64 %d)
  ret i64 %r
}

;; clear: FERR# goes
  %c2 = field i64 %env {env_owner}
  %zero = icmp eq i64 %c2, 0
  br i1 %zero, label %call, label %drop
drop:
  %ferr2.p = place i64 %c2 {ferr}
  store i64 0, i64* %ferr2.p
  br label %call
call:

;; access: the translator's load or store: alignment and width of an operand
define void @strict_{name}(i64 %context, i64 %value, i64 %address, i64 %index, i32 %operation) {
  %o = inttoptr i64 {original} to void (i64, i64, i64, i64, i32)*
  %a.p = getelementptr [3 x i64], [3 x i64]* @strict_operands, i32 0, i32 0
  %e.p = getelementptr [3 x i64], [3 x i64]* @strict_operands, i32 0, i32 1
  %f.p = getelementptr [3 x i64], [3 x i64]* @strict_operands, i32 0, i32 2
  %aligned = load i64, i64* %a.p
  %eights = load i64, i64* %e.p
  %fours = load i64, i64* %f.p
  %small = or i64 %eights, %fours
  %either = or i64 %aligned, %small
  %nothing = icmp eq i64 %either, 0
  br i1 %nothing, label %go, label %look
look:
  %block = load i64, i64* @strict_block
  %n = field i32 %block {db_count}
  %before = sub i32 %n, 1
  %before.l = zext i32 %before to i64
  %bit = shl i64 1, %before.l
  %is.a = and i64 %aligned, %bit
  %must = icmp ne i64 %is.a, 0
  br i1 %must, label %align, label %less
align:
  %rest = xor i64 %aligned, %bit
  store i64 %rest, i64* %a.p
  %stricter = or i32 %operation, {align_16}
  br label %go
less:
  %is.s = and i64 %small, %bit
  %over = icmp ne i64 %is.s, 0
  br i1 %over, label %which, label %go
which:
  %is.f = and i64 %fours, %bit
  %four = icmp ne i64 %is.f, 0
  %size = select i1 %four, i32 {mo_32}, i32 %operation
  %known = load i32, i32* @strict_first_of
  %second = icmp eq i32 %known, %n
  br i1 %second, label %again, label %first
first:
  store i32 %n, i32* @strict_first_of
  store i64 %address, i64* @strict_first
  br label %go
again:
  %kept = load i64, i64* @strict_first
  br label %go
go:
  %where = phi i64 [ %address, %0 ], [ %address, %align ], [ %address, %less ], [ %address, %first ], [ %kept, %again ]
  %how = phi i32 [ %operation, %0 ], [ %stricter, %align ], [ %operation, %less ], [ %size, %first ], [ %size, %again ]
  tail call void %o(i64 %context, i64 %value, i64 %where, i64 %index, i32 %how)
  ret void
}
