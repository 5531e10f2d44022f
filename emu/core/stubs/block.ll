; Stubs for blocks: what they cost, how they are translated and forgotten, and exceptions that the engine would raise.

;; blocks: before each block, while one is translated, before an exception, when all blocks go
declare i8* @llvm.returnaddress(i32)

define void @block(i64 %uc, i32 %slot) {
  %ra = caller
  %cs = field i64 %uc {uc_cpu}
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %h1 = lshr i64 %ra, 4
  %h2 = and i64 %h1, {mask}
  %h3 = shl i64 %h2, 7
  %e.a = add i64 %h3, {table}
  %e = inttoptr i64 %e.a to i64*
  %tag = load i64, i64* %e
  %cost.p = getelementptr i64, i64* %e, i64 1
  %cost = load i64, i64* %cost.p
  %count.p = getelementptr i64, i64* %e, i64 2
  %count = load i64, i64* %count.p
  %cycles.p = place i64 %c {cycles}
  %old = load i64, i64* %cycles.p
  %new = add i64 %old, %cost
  %deadline = field i64 %c {deadline}
  %known = icmp eq i64 %tag, %ra
  %fits = icmp ule i64 %new, %deadline
  %fast = and i1 %known, %fits
  br i1 %fast, label %charge, label %slow, !prof !1
charge:
  store i64 %new, i64* %cycles.p
  %insns.p = place i64 %c {instructions}
  %insns = load i64, i64* %insns.p
  %insns.n = add i64 %insns, %count
  store i64 %insns.n, i64* %insns.p
  %block.p = place i64 %c {block}
  store i64 %e.a, i64* %block.p
  ret void
slow:
  %f = inttoptr i64 {slow} to void (i64, i64, i64, i64)*
  tail call void %f(i64 %c, i64 %uc, i64 %ra, i64 %e.a)
  ret void
other:
  %o = inttoptr i64 {check_exit_request} to void (i64, i32)*
  tail call void %o(i64 %uc, i32 %slot)
  ret void
}

define void @translate(i64 %ops, i64 %db, i64 %cs, i64 %tb, i32 %count) {
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  store [3 x i64] zeroinitializer, [3 x i64]* @strict_operands
  br i1 %foreign, label %go, label %ours
ours:
  store i64 %db, i64* @strict_block
  store i32 0, i32* @strict_first_of
  %f = inttoptr i64 {limit} to i64 (i64, i64, i64, [3 x i64]*)*
  %n64 = call i64 %f(i64 %c, i64 %tb, i64 %cs, [3 x i64]* @strict_operands)
  %n = trunc i64 %n64 to i32
  %size64 = lshr i64 %n64, 32
  %size16 = trunc i64 %size64 to i16
  %less = icmp slt i32 %n, %count
  %m = select i1 %less, i32 %n, i32 %count
  br label %go
go:
  %k = phi i32 [ %count, %0 ], [ %m, %ours ]
  %size = phi i16 [ 0, %0 ], [ %size16, %ours ]
  %t = inttoptr i64 {translator_loop} to void (i64, i64, i64, i64, i32)*
  call void %t(i64 %ops, i64 %db, i64 %cs, i64 %tb, i32 %k)
  store [3 x i64] zeroinitializer, [3 x i64]* @strict_operands
  %read = icmp eq i16 %size, 0
  br i1 %read, label %done, label %unread
unread:
  %size.p = place i16 %tb {tb_size}
  store i16 %size, i16* %size.p
  br label %done
done:
  ret void
}

define void @raise(i64 %env, i32 %number) {
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  %undefined = icmp eq i32 %number, 6
  %not = xor i1 %foreign, true
  %try = and i1 %not, %undefined
  br i1 %try, label %fast, label %go
fast:
  %f = inttoptr i64 {undefined} to i64 (i64, i64)*
  %done = call i64 %f(i64 %c, i64 %env)
  %no = icmp eq i64 %done, 0
  br i1 %no, label %go, label %out
go:
  %o = inttoptr i64 {raise_exception} to void (i64, i32)*
  call void %o(i64 %env, i32 %number)
  ret void
out:
  ret void
}

define void @forget(i64 %cs) {
  %f = inttoptr i64 {forget} to i64 (i64, i64)*
  %r = call i64 %f(i64 {table}, i64 {mask})
  %o = inttoptr i64 {tb_flush} to void (i64)*
  tail call void %o(i64 %cs)
  ret void
}

define void @nothing(i64 %cs) {
  ret void
}

;; tail: what any stub may refer to
declare void @llvm.memcpy.p0i8.p0i8.i64(i8*, i8*, i64, i1)
!0 = !{!"branch_weights", i32 1, i32 10000}
!1 = !{!"branch_weights", i32 10000, i32 1}
