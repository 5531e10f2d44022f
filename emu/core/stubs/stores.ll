; Stubs that decide about stores to pages with code.

;; stores: each calls a kernel in place of the engine's function, or before it
define void @dirty(i64 %cs, i64 %address) {
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours
ours:
  %f = inttoptr i64 {written} to void (i64, i64)*
  tail call void %f(i64 %cs, i64 %address)
  ret void
other:
  %o = inttoptr i64 {tlb_set_dirty} to void (i64, i64)*
  tail call void %o(i64 %cs, i64 %address)
  ret void
}

; A page gets code: the engine goes through its whole TLB for entries by which it could be written unnoticed.  There are none:
; emu.core.ledger drops them before the page is fetched from.
define void @reset_dirty(i64 %cs, i64 %address, i64 %length) {
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours
ours:
  ret void
other:
  %o = inttoptr i64 {tlb_reset_dirty_by_vaddr} to void (i64, i64, i64)*
  tail call void %o(i64 %cs, i64 %address, i64 %length)
  ret void
}

define void @storing(i64 %uc, i64 %pages, i64 %start, i32 %size, i64 %ra) {
  %cs = field i64 %uc {uc_cpu}
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %go, label %ours
ours:
  %size64 = zext i32 %size to i64
  %f = inttoptr i64 {storing} to void (i64, i64, i64, i64)*
  call void %f(i64 %cs, i64 %start, i64 %size64, i64 %ra)
  br label %go
go:
  %o = inttoptr i64 {tb_invalidate_phys_page_fast} to void (i64, i64, i64, i32, i64)*
  tail call void %o(i64 %uc, i64 %pages, i64 %start, i32 %size, i64 %ra)
  ret void
}

define void @again(i64 %cs) {
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %go, label %ours
ours:
  %f = inttoptr i64 {modified} to void (i64)*
  call void %f(i64 %cs)
  br label %go
go:
  %o = inttoptr i64 {cpu_loop_exit_noexc} to void (i64)*
  tail call void %o(i64 %cs)
  ret void
}
