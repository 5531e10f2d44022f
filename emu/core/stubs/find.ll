; Stubs that find the next block: in a table of the engine's that a flush of its TLB leaves as it is.

;; find: in place of helper_lookup_tb_ptr (indirect jumps, other pages) and tb_htable_lookup (after an event)
; A slot holds a block and the host address of its first byte of guest code, with the engine's epoch above it.  An epoch ends when the
; engine's TLB loses something: then what is mapped at %pc decides whether the block is the one.
define internal i64 @found_slot(i64 %env, i64 %pc) alwaysinline {
  %table = field i64 %env {env_found}
  %high = lshr i64 %pc, {found_bits}
  %mixed = xor i64 %pc, %high
  %index = and i64 %mixed, {found_mask}
  %away = shl i64 %index, 4
  %slot = add i64 %table, %away
  ret i64 %slot
}

; The host address of the guest's byte at %pc as the engine's TLB has it for fetches, 0 when it has to ask.
define internal i64 @mapped(i64 %env, i64 %pc, i32 %flags) alwaysinline {
  %cpl = and i32 %flags, {cpl}
  %user = icmp eq i32 %cpl, {cpl}
  %smap.bits = and i32 %flags, {smap_ac}
  %smap = icmp eq i32 %smap.bits, {smap}
  %kernel = select i1 %smap, i64 0, i64 2
  %mode = select i1 %user, i64 1, i64 %kernel
  %mode.at = shl i64 %mode, 4
  %fast = add i64 %env, %mode.at
  %mask = field i64 %fast {tlb_mask}
  %entries = field i64 %fast {tlb_entries}
  %pages = lshr i64 %pc, {tlb_shift}
  %away = and i64 %pages, %mask
  %entry = add i64 %entries, %away
  %page = and i64 %pc, -4096
  %code = field i64 %entry {tlb_code}
  %same = icmp eq i64 %code, %page
  %addend = field i64 %entry {tlb_addend}
  %host = add i64 %pc, %addend
  %or = select i1 %same, i64 %host, i64 0
  ret i64 %or
}

define internal i64 @find(i64 %env, i64 %pc, i64 %base, i32 %flags, i32 %cf) alwaysinline {
  %slot = call i64 @found_slot(i64 %env, i64 %pc)
  %tb = field i64 %slot 0
  %none = icmp eq i64 %tb, 0
  br i1 %none, label %miss, label %look, !prof !0
look:
  %tb.pc = field i64 %tb {tb_pc}
  %same.pc = icmp eq i64 %tb.pc, %pc
  %tb.base = field i64 %tb {tb_cs_base}
  %same.base = icmp eq i64 %tb.base, %base
  %tb.flags = field i32 %tb {tb_flags}
  %same.flags = icmp eq i32 %tb.flags, %flags
  %tb.cf = field i32 %tb {tb_cflags}
  %tb.kind = and i32 %tb.cf, {tb_kinds}
  %same.cf = icmp eq i32 %tb.kind, %cf
  %a = and i1 %same.pc, %same.cf
  %b = and i1 %same.base, %same.flags
  %all = and i1 %a, %b
  br i1 %all, label %when, label %miss, !prof !1
when:
  %key = field i64 %slot 8
  %epoch = field i64 %env {env_epoch}
  %then = lshr i64 %key, {epoch_shift}
  %fresh = icmp eq i64 %then, %epoch
  br i1 %fresh, label %hit, label %check, !prof !1
check:
  %now = call i64 @mapped(i64 %env, i64 %pc, i32 %flags)
  %older = shl i64 %then, {epoch_shift}
  %host = xor i64 %key, %older
  %same.host = icmp eq i64 %host, %now
  br i1 %same.host, label %renew, label %miss
renew:
  %epoch.high = shl i64 %epoch, {epoch_shift}
  %newer = or i64 %host, %epoch.high
  %newer.p = place i64 %slot 8
  store i64 %newer, i64* %newer.p
  br label %hit
hit:
  ret i64 %tb
miss:
  ret i64 0
}

; Ask the engine, and keep what it finds, but for a block that needs a second page.
define internal i64 @find_slowly(i64 %env, i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf) noinline {
  %f = inttoptr i64 {tb_htable_lookup} to i64 (i64, i64, i64, i32, i32)*
  %tb = call i64 %f(i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  %none = icmp eq i64 %tb, 0
  br i1 %none, label %out, label %some
some:
  %second = field i64 %tb {tb_page1}
  %one = icmp eq i64 %second, -1
  %host = call i64 @mapped(i64 %env, i64 %pc, i32 %flags)
  %known = icmp ne i64 %host, 0
  %good = and i1 %one, %known
  br i1 %good, label %keep, label %out
keep:
  %slot = call i64 @found_slot(i64 %env, i64 %pc)
  %tb.p = place i64 %slot 0
  store i64 %tb, i64* %tb.p
  %epoch = field i64 %env {env_epoch}
  %high = shl i64 %epoch, {epoch_shift}
  %key = or i64 %host, %high
  %key.p = place i64 %slot 8
  store i64 %key, i64* %key.p
  br label %out
out:
  ret i64 %tb
}

define i64 @lookup(i64 %env) {
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %rip = field i64 %env {env_rip}
  %base = field i64 %env {env_cs_base}
  %pc = add i64 %rip, %base
  %hflags = field i32 %env {env_hflags}
  %eflags = field i32 %env {env_eflags}
  %some = and i32 %eflags, {flags_of_blocks}
  %flags = or i32 %hflags, %some
  %cs = sub i64 %env, {cs_env}
  %cluster = field i32 %cs {cs_cluster}
  %cf = shl i32 %cluster, 24
  %tb = call i64 @find(i64 %env, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  %miss = icmp eq i64 %tb, 0
  br i1 %miss, label %slow, label %hit, !prof !0
hit:
  %code = field i64 %tb {tb_code}
  ret i64 %code
slow:
  %tb2 = call i64 @find_slowly(i64 %env, i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  %none = icmp eq i64 %tb2, 0
  br i1 %none, label %leave, label %have
have:
  %code2 = field i64 %tb2 {tb_code}
  ret i64 %code2
leave:
  %uc = field i64 %cs {cs_uc}
  %tcg = field i64 %uc {uc_tcg}
  %epilogue = field i64 %tcg {tcg_epilogue}
  ret i64 %epilogue
other:
  %o = inttoptr i64 {lookup_tb_ptr} to i64 (i64)*
  %r = tail call i64 %o(i64 %env)
  ret i64 %r
}

define i64 @table(i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf) {
  %env = add i64 %cs, {cs_env}
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %tb = call i64 @find(i64 %env, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  %miss = icmp eq i64 %tb, 0
  br i1 %miss, label %slow, label %hit, !prof !0
hit:
  ret i64 %tb
slow:
  %tb2 = call i64 @find_slowly(i64 %env, i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  ret i64 %tb2
other:
  %o = inttoptr i64 {tb_htable_lookup} to i64 (i64, i64, i64, i32, i32)*
  %r = tail call i64 %o(i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  ret i64 %r
}

define internal void @next_epoch(i64 %cs) alwaysinline {
  %c = field i64 %cs {cs_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %out, label %ours, !prof !0
ours:
  %table = field i64 %cs {cs_found}
  %epoch = field i64 %cs {cs_epoch}
  %next = add i64 %epoch, 1
  %high = lshr i64 %next, {epoch_bits}
  %over = icmp ne i64 %high, 0
  br i1 %over, label %first, label %set, !prof !0
first:
  %bytes = inttoptr i64 %table to i8*
  call void @llvm.memset.p0i8.i64(i8* %bytes, i8 0, i64 {found_bytes}, i1 false)
  br label %set
set:
  %value = phi i64 [ %next, %ours ], [ 1, %first ]
  %value.p = place i64 %cs {cs_epoch}
  store i64 %value, i64* %value.p
  br label %out
out:
  ret void
}

define void @flush(i64 %cs, i16 %modes) {
  call void @next_epoch(i64 %cs)
  %f = inttoptr i64 {tlb_flush_by_mmuidx} to void (i64, i16)*
  tail call void %f(i64 %cs, i16 %modes)
  ret void
}

define void @flush_page(i64 %cs, i64 %address, i16 %modes) {
  call void @next_epoch(i64 %cs)
  %f = inttoptr i64 {tlb_flush_page_by_mmuidx} to void (i64, i64, i16)*
  tail call void %f(i64 %cs, i64 %address, i16 %modes)
  ret void
}

declare void @llvm.memset.p0i8.i64(i8*, i8, i64, i1)
