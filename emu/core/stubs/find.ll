; Stubs that find the next block: in a table of the engine's that a flush of its TLB leaves as it is.

;; find: in place of helper_lookup_tb_ptr (indirect jumps, other pages) and tb_htable_lookup (after an event)
; A slot lies in one line of the host's cache, all that a jump needs with it: pc; the stamp; the block, with the bytes from it to its code
; above; its flags, with the base of CS above.  The stamp is the engine's epoch and its count of blocks thrown away, added: while it is
; still the same, neither the TLB nor the blocks have lost anything.  After that the host address of the block's first byte of guest
; code, in a second table, decides together with what is mapped at %pc; 0 there, for a block on two pages, never does.
define internal i64 @found_index(i64 %pc) alwaysinline {
  %high = lshr i64 %pc, {found_bits}
  %mixed = xor i64 %pc, %high
  %index = and i64 %mixed, {found_mask}
  ret i64 %index
}

define internal i64 @found_slot(i64 %env, i64 %pc) alwaysinline {
  %table = field i64 %env {env_found}
  %index = call i64 @found_index(i64 %pc)
  %away = shl i64 %index, 5
  %slot = add i64 %table, %away
  ret i64 %slot
}

define internal i64 @found_host(i64 %env, i64 %pc) alwaysinline {
  %table = field i64 %env {env_found}
  %index = call i64 @found_index(i64 %pc)
  %away = shl i64 %index, 3
  %slot = add i64 %table, %away
  %host = add i64 %slot, {found_hosts}
  ret i64 %host
}

define internal i64 @stamp_now(i64 %env) alwaysinline {
  %epoch = field i64 %env {env_epoch}
  %table = field i64 %env {env_found}
  %at = field i64 %table {found_thrown}
  %thrown = field i64 %at 0
  %stamp = add i64 %epoch, %thrown
  ret i64 %stamp
}

define internal i32 @usual(i64 %env) alwaysinline {
  %cs = sub i64 %env, {cs_env}
  %cluster = field i32 %cs {cs_cluster}
  %cf = shl i32 %cluster, 24
  ret i32 %cf
}

define internal i64 @kind_of(i64 %base, i32 %flags) alwaysinline {
  %high = shl i64 %base, 32
  %low = zext i32 %flags to i64
  %kind = or i64 %high, %low
  ret i64 %kind
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

; The third word of the slot of the block at %pc, 0 when it has another.  Of a base past 4 GiB there is none.
define internal i64 @find(i64 %env, i64 %pc, i64 %base, i32 %flags) alwaysinline {
  %slot = call i64 @found_slot(i64 %env, i64 %pc)
  %slot.pc = field i64 %slot 0
  %same.pc = icmp eq i64 %slot.pc, %pc
  %kind = call i64 @kind_of(i64 %base, i32 %flags)
  %slot.kind = field i64 %slot 24
  %same.kind = icmp eq i64 %slot.kind, %kind
  %base.high = lshr i64 %base, 32
  %plain = icmp eq i64 %base.high, 0
  %stamp = call i64 @stamp_now(i64 %env)
  %slot.stamp = field i64 %slot 8
  %fresh = icmp eq i64 %slot.stamp, %stamp
  %a = and i1 %same.pc, %same.kind
  %b = and i1 %plain, %fresh
  %all = and i1 %a, %b
  %word = field i64 %slot 16
  %or = select i1 %all, i64 %word, i64 0
  ret i64 %or
}

; The same for a slot with an older stamp: it gets the new one when its block is valid and where it was.
define internal i64 @find_again(i64 %env, i64 %pc, i64 %base, i32 %flags) alwaysinline {
  %slot = call i64 @found_slot(i64 %env, i64 %pc)
  %slot.pc = field i64 %slot 0
  %same.pc = icmp eq i64 %slot.pc, %pc
  %kind = call i64 @kind_of(i64 %base, i32 %flags)
  %slot.kind = field i64 %slot 24
  %same.kind = icmp eq i64 %slot.kind, %kind
  %base.high = lshr i64 %base, 32
  %plain = icmp eq i64 %base.high, 0
  %word = field i64 %slot 16
  %some = icmp ne i64 %word, 0
  %a = and i1 %same.pc, %same.kind
  %b = and i1 %plain, %some
  %all = and i1 %a, %b
  br i1 %all, label %valid, label %miss
valid:
  %tb = and i64 %word, {found_tb}
  %cf = field i32 %tb {tb_cflags}
  %cf.kind = and i32 %cf, {tb_kinds}
  %usual = call i32 @usual(i64 %env)
  %same.cf = icmp eq i32 %cf.kind, %usual
  br i1 %same.cf, label %check, label %miss
check:
  %host.slot = call i64 @found_host(i64 %env, i64 %pc)
  %host = field i64 %host.slot 0
  %now = call i64 @mapped(i64 %env, i64 %pc, i32 %flags)
  %same.host = icmp eq i64 %host, %now
  %known = icmp ne i64 %now, 0
  %good = and i1 %same.host, %known
  br i1 %good, label %renew, label %miss
renew:
  %stamp = call i64 @stamp_now(i64 %env)
  %stamp.p = place i64 %slot 8
  store i64 %stamp, i64* %stamp.p
  ret i64 %word
miss:
  ret i64 0
}

; Ask the engine for the block, of the usual kind, and keep what it finds.
define internal i64 @find_slowly(i64 %env, i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf) {
  %f = inttoptr i64 {tb_htable_lookup} to i64 (i64, i64, i64, i32, i32)*
  %tb = call i64 %f(i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  %none = icmp eq i64 %tb, 0
  br i1 %none, label %out, label %some
some:
  %mapped = call i64 @mapped(i64 %env, i64 %pc, i32 %flags)
  %second = field i64 %tb {tb_page1}
  %one = icmp eq i64 %second, -1
  %host = select i1 %one, i64 %mapped, i64 0
  %code = field i64 %tb {tb_code}
  %delta = sub i64 %code, %tb
  %delta.high = lshr i64 %delta, 16
  %base.high = lshr i64 %base, 32
  %both = or i64 %delta.high, %base.high
  %fits = icmp eq i64 %both, 0
  %known = icmp ne i64 %mapped, 0
  %good = and i1 %fits, %known
  br i1 %good, label %keep, label %out
keep:
  %slot = call i64 @found_slot(i64 %env, i64 %pc)
  %pc.p = place i64 %slot 0
  store i64 %pc, i64* %pc.p
  %stamp = call i64 @stamp_now(i64 %env)
  %stamp.p = place i64 %slot 8
  store i64 %stamp, i64* %stamp.p
  %above = shl i64 %delta, 48
  %word = or i64 %above, %tb
  %word.p = place i64 %slot 16
  store i64 %word, i64* %word.p
  %kind = call i64 @kind_of(i64 %base, i32 %flags)
  %kind.p = place i64 %slot 24
  store i64 %kind, i64* %kind.p
  %host.slot = call i64 @found_host(i64 %env, i64 %pc)
  %host.p = place i64 %host.slot 0
  store i64 %host, i64* %host.p
  br label %out
out:
  ret i64 %tb
}

define internal i32 @flags_now(i64 %env) alwaysinline {
  %hflags = field i32 %env {env_hflags}
  %eflags = field i32 %env {env_eflags}
  %some = and i32 %eflags, {flags_of_blocks}
  %flags = or i32 %hflags, %some
  ret i32 %flags
}

define internal i64 @lookup_slowly(i64 %env) noinline {
  %rip = field i64 %env {env_rip}
  %base = field i64 %env {env_cs_base}
  %pc = add i64 %rip, %base
  %flags = call i32 @flags_now(i64 %env)
  %word = call i64 @find_again(i64 %env, i64 %pc, i64 %base, i32 %flags)
  %miss = icmp eq i64 %word, 0
  br i1 %miss, label %slow, label %hit
hit:
  %hit.tb = and i64 %word, {found_tb}
  %delta = lshr i64 %word, 48
  %hit.code = add i64 %hit.tb, %delta
  ret i64 %hit.code
slow:
  %cs = sub i64 %env, {cs_env}
  %cf = call i32 @usual(i64 %env)
  %tb = call i64 @find_slowly(i64 %env, i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf)
  %none = icmp eq i64 %tb, 0
  br i1 %none, label %leave, label %have
have:
  %code = field i64 %tb {tb_code}
  ret i64 %code
leave:
  %uc = field i64 %cs {cs_uc}
  %tcg = field i64 %uc {uc_tcg}
  %epilogue = field i64 %tcg {tcg_epilogue}
  ret i64 %epilogue
}

define i64 @lookup(i64 %env) {
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %rip = field i64 %env {env_rip}
  %base = field i64 %env {env_cs_base}
  %pc = add i64 %rip, %base
  %flags = call i32 @flags_now(i64 %env)
  %word = call i64 @find(i64 %env, i64 %pc, i64 %base, i32 %flags)
  %miss = icmp eq i64 %word, 0
  br i1 %miss, label %slow, label %hit, !prof !0
hit:
  %tb = and i64 %word, {found_tb}
  %delta = lshr i64 %word, 48
  %code = add i64 %tb, %delta
  ret i64 %code
slow:
  %found = tail call i64 @lookup_slowly(i64 %env)
  ret i64 %found
other:
  %o = inttoptr i64 {lookup_tb_ptr} to i64 (i64)*
  %r = tail call i64 %o(i64 %env)
  ret i64 %r
}

; A block of an unusual kind, of one instruction say, is not in the table.
define i64 @table(i64 %cs, i64 %pc, i64 %base, i32 %flags, i32 %cf) {
  %env = add i64 %cs, {cs_env}
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %usual = call i32 @usual(i64 %env)
  %same = icmp eq i32 %cf, %usual
  br i1 %same, label %look, label %other
look:
  %new = call i64 @find(i64 %env, i64 %pc, i64 %base, i32 %flags)
  %no = icmp eq i64 %new, 0
  br i1 %no, label %again, label %hit
again:
  %old = call i64 @find_again(i64 %env, i64 %pc, i64 %base, i32 %flags)
  %miss = icmp eq i64 %old, 0
  br i1 %miss, label %slow, label %hit
hit:
  %word = phi i64 [ %new, %look ], [ %old, %again ]
  %tb = and i64 %word, {found_tb}
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
  %epoch = field i64 %cs {cs_epoch}
  %next = add i64 %epoch, 1
  %next.p = place i64 %cs {cs_epoch}
  store i64 %next, i64* %next.p
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
