; Stubs of x87 helpers (emu.core.x87).

;; common: what they call
@x87_operand = internal global i32 0

define internal i32 @x87_take(i64 %env, i32 %index) noinline {
  %i.a = and i32 %index, 7
  %i = zext i32 %i.a to i64
  %t.b = add i64 %env, {tags}
  %t.p = place i8 %t.b %i
  %t = load i8, i8* %t.p
  %valid = icmp eq i8 %t, 0
  br i1 %valid, label %fine, label %empty
fine:
  ret i32 0
empty:
  store i8 0, i8* %t.p
  call void @x87_indefinite(i64 %env, i64 %i)
  ret i32 65
}

define internal void @x87_indefinite(i64 %env, i64 %i) noinline {
  %off = shl i64 %i, 4
  %r.b = add i64 %env, {registers}
  %r.p = place i64 %r.b %off
  store i64 {indefinite}, i64* %r.p
  %s.p = getelementptr i64, i64* %r.p, i64 1
  %s.s = bitcast i64* %s.p to i16*
  store i16 -1, i16* %s.s
  ret void
}

define internal i32 @x87_kind(i64 %at) noinline {
  %m.p = inttoptr i64 %at to i64*
  %m = load i64, i64* %m.p
  %e.s = field i16 %at 8
  %e = and i16 %e.s, 32767
  %low = icmp eq i16 %e, 0
  %any = icmp ne i64 %m, 0
  %denormal = and i1 %low, %any
  %high = icmp eq i16 %e, 32767
  %frac = shl i64 %m, 1
  %some = icmp ne i64 %frac, 0
  %nan = and i1 %high, %some
  %d = select i1 %denormal, i32 2, i32 0
  %n = select i1 %nan, i32 256, i32 0
  %r = or i32 %d, %n
  ret i32 %r
}

define internal i1 @x87_merge(i64 %env, i32 %base, i32 %raised) noinline {
  %c.s = field i16 %env {control}
  %c = zext i16 %c.s to i32
  %open.a = xor i32 %c, -1
  %open = and i32 %open.a, 63
  %hit.a = and i32 %raised, %open
  %hit = icmp ne i32 %hit.a, 0
  %summary = select i1 %hit, i32 32896, i32 0
  %one = or i32 %base, %raised
  %two = or i32 %one, %summary
  %out = trunc i32 %two to i16
  %s.p = place i16 %env {env_fpus}
  store i16 %out, i16* %s.p
  %pre.a = and i32 %hit.a, 7
  %pre = icmp ne i32 %pre.a, 0
  ret i1 %pre
}

;; stub: a helper
define i64 @x87_{name}(i64 %env, i64 %a) {
  %kept = alloca i128, align 16
  %c = field i64 %env {env_owner}
  %o = inttoptr i64 {original} to i64 (i64, i64)*
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
other:
  %r.other = tail call i64 %o(i64 %env, i64 %a)
  ret i64 %r.other
ours:
  %status.p = place i16 %env {env_fpus}
  %before.s = load i16, i16* %status.p
  %before = zext i16 %before.s to i32
  %summary = and i32 %before, 128
  %none = icmp eq i32 %summary, 0
  br i1 %none, label %go, label %look, !prof !1
look:
  %ferr = field i64 %c {ferr}
  %ignored = icmp eq i64 %ferr, 2
  br i1 %ignored, label %go, label %leave
leave:
{leave_mf}
  ret i64 0
go:
  %top = field i32 %env {top}
{note}
  %n = trunc i64 %a to i32
  %stn = add i32 %top, %n
  %st1 = add i32 %top, 1
  %new.a = add i32 %top, 7
  %new = and i32 %new.a, 7
{take}
  %flags.p = place i8 %env {flags}
  store i8 0, i8* %flags.p
{keep}
  %r = call i64 %o(i64 %env, i64 %a)
  %found.b = load i8, i8* %flags.p
  %found.i = zext i8 %found.b to i32
  %found = and i32 %found.i, 61
{denormal}
  %all = or i32 %found.d, %fault
  %after.s = load i16, i16* %status.p
  %after = zext i16 %after.s to i32
  %base = and i32 {base}, {not_c1}
  %stop = call i1 @x87_merge(i64 %env, i32 %base, i32 %all)
{restore}
  ret i64 %r
}

;; note: a store: what its helper is about to change, for the case that the access is not made
  %note.k = field i64 %c {cpu_core}
  %note.one = place i64 %note.k {core_stores}
  store i64 1, i64* %note.one
  %note.status = zext i16 %before.s to i64
  %note.status.p = place i64 %note.k {core_status}
  store i64 %note.status, i64* %note.status.p
  %note.place.i = and i32 %top, 7
  %note.place = zext i32 %note.place.i to i64
  %note.place.p = place i64 %note.k {core_place}
  store i64 %note.place, i64* %note.place.p
  %note.tags = add i64 %env, {tags}
  %note.tag.b = field i8 %note.tags %note.place
  %note.tag = zext i8 %note.tag.b to i64
  %note.tag.p = place i64 %note.k {core_tag}
  store i64 %note.tag, i64* %note.tag.p
  %note.off = shl i64 %note.place, 4
  %note.registers = add i64 %env, {registers}
  %note.from.at = add i64 %note.registers, %note.off
  %note.from = inttoptr i64 %note.from.at to i128*
  %note.value = load i128, i128* %note.from, align 8
  %note.to = place i128 %note.k {core_value}
  store i128 %note.value, i128* %note.to, align 8

;; take: a register that is read: is it empty?
  %e{number} = call i32 @x87_take(i64 %env, i32 %{index})
  %f{number} = or i32 %f{last}, %e{number}

;; pushed: a register that is pushed must be empty
  %t.i = zext i32 %new to i64
  %t.b = add i64 %env, {tags}
  %t.a = add i64 %t.b, %t.i
  %t.p = inttoptr i64 %t.a to i8*
  %t = load i8, i8* %t.p
  %full = icmp eq i8 %t, 0
  %fault = select i1 %full, i32 577, i32 0

;; place: where a register lies
  %{name}.i.a = and i32 %{index}, 7
  %{name}.i = zext i32 %{name}.i.a to i64
  %{name}.o = shl i64 %{name}.i, 4
  %{name}.b = add i64 %env, {registers}
  %{name}.at = add i64 %{name}.b, %{name}.o

;; keep: the destination before
  %dst.p = inttoptr i64 %dst.at to i128*
  %dst.v = load i128, i128* %dst.p, align 1
  store i128 %dst.v, i128* %kept

;; undo: the destination keeps its value
  br i1 %stop, label %undo, label %done
undo:
  %old.v = load i128, i128* %kept
  store i128 %old.v, i128* %dst.p, align 1
  br label %done
done:

;; overflow: what is pushed onto a full register
  %over = icmp ne i32 %fault, 0
  br i1 %over, label %undo, label %done
undo:
  call void @x87_indefinite(i64 %env, i64 %t.i)
  br label %done
done:

;; quiet: the library does not make a signalling NaN of memory quiet
  %quiet.i = zext i32 %new to i64
  %quiet.o = shl i64 %quiet.i, 4
  %quiet.b = add i64 %env, {registers}
  %quiet.p = place i64 %quiet.b {offset}
  %quiet.v = load i64, i64* %quiet.p
  %quiet.ie = and i32 %found, 1
  %quiet.is = icmp ne i32 %quiet.ie, 0
  %quiet.bit = select i1 %quiet.is, i64 4611686018427387904, i64 0
  %quiet.n = or i64 %quiet.v, %quiet.bit
  store i64 %quiet.n, i64* %quiet.p

;; kind: of one operand: denormal, not a number?
  %p{number} = call i32 @x87_kind(i64 {operand})
  %q{next} = or i32 %q{number}, %p{number}

;; operands: denormal operands of registers
  %op.a = {memory}
  %sound = icmp eq i32 %fault, 0
  %op = select i1 %sound, i32 %op.a, i32 0
  %op.ie = and i32 %op, 1
  %op.de = and i32 %op, 2
  %lib = or i32 %found, %op.ie
  %kinds = or i32 %kinds.r, %op.de
  %clean.a = and i32 %lib, 5
  %nan.a = and i32 %kinds, 256
  %clean.b = or i32 %clean.a, %nan.a
  %clean = icmp eq i32 %clean.b, 0
  %de.a = and i32 %kinds, 2
  %de = select i1 %clean, i32 %de.a, i32 0
  %found.d = or i32 %lib, %de

;; memory: a denormal operand of memory
  %x.a = and i64 %a, {exponent}
  %x = icmp eq i64 %x.a, 0
  %y.a = and i64 %a, {fraction}
  %y = icmp ne i64 %y.a, 0
  %xy = and i1 %x, %y
  %de = select i1 %xy, i32 2, i32 0
  %found.c = or i32 %found, %de

;; later: what an operand of memory raises is the instruction's, whose other operand may come first
  store i32 %found.c, i32* @x87_operand
  %found.d = or i32 0, 0

;; now: unless the stack has no room
  %room = icmp eq i32 %fault, 0
  %found.d = select i1 %room, i32 %found.c, i32 0
