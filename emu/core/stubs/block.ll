; Stubs for blocks: what they cost, how they are translated and forgotten, and exceptions that the engine would raise.

;; blocks: before each block, while one is translated, before an exception, when all blocks go; room for a block's entry
declare i8* @llvm.returnaddress(i32)

define void @block(i64 %uc, i32 %slot) {
  %ra = caller
  %cs = field i64 %uc {uc_cpu}
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %code = and i64 %ra, -{code_alignment}
  %e = sub i64 %code, {entry_bytes}
  %f = inttoptr i64 {slow} to void (i64, i64, i64, i64)*
  tail call void %f(i64 %c, i64 %uc, i64 %ra, i64 %e)
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

define i64 @allot(i64 %tcg) {
  %f = inttoptr i64 {tcg_tb_alloc} to i64 (i64)*
  %tb = call i64 %f(i64 %tcg)
  %uc = field i64 %tcg {tcg_uc}
  %cs = field i64 %uc {uc_cpu}
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  %full = icmp eq i64 %tb, 0
  %out = or i1 %foreign, %full
  br i1 %out, label %as_is, label %ours
ours:
  %code.p = place i64 %tcg {tcg_code_ptr}
  %free = load i64, i64* %code.p
  %end = add i64 %free, {code_alignment}
  %end.1 = sub i64 %end, 1
  %e = and i64 %end.1, -{code_alignment}
  %code = add i64 %e, {entry_bytes}
  %highwater = field i64 %tcg {tcg_highwater}
  %over = icmp ugt i64 %code, %highwater
  br i1 %over, label %none, label %enter
enter:
  %next.p = place i64 %e {entry_next}
  store i64 0, i64* %next.p
  %cost.p = place i64 %e {entry_cost}
  store i64 {new}, i64* %cost.p
  store i64 %code, i64* %code.p
  br label %as_is
none:
  ret i64 0
as_is:
  ret i64 %tb
}

define void @forget(i64 %cs) {
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %go, label %ours
ours:
  %f = inttoptr i64 {forget} to i64 (i64, i64)*
  %r = call i64 %f(i64 %c, i64 %cs)
  br label %go
go:
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
