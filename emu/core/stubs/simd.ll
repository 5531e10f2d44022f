; Stubs of SSE floating-point helpers (emu.core.simd).

;; common: what they call, and the stubs of MXCSR
@simd_host = private constant i32 {reset}
@simd_lanes32 = private constant [16 x <4 x i32>] [{lanes32}]
@simd_lanes64 = private constant [4 x <2 x i64>] [{lanes64}]

define internal i32 @simd_unmasked(i64 %env, i32 %mx, i32 %found, i1 %tiny) noinline {
  %shifted = lshr i32 %mx, {mask_shift}
  %unmasked.a = xor i32 %shifted, -1
  %unmasked = and i32 %unmasked.a, {flags}
  %pre = and i32 %found, {pre}
  %pre.u = and i32 %pre, %unmasked
  %is.pre = icmp ne i32 %pre.u, 0
  %ue.a = select i1 %tiny, i32 {ue}, i32 0
  %ue = and i32 %ue.a, %unmasked
  %all = or i32 %found, %ue
  %any.u = and i32 %all, %unmasked
  %raises = icmp ne i32 %any.u, 0
  %set = select i1 %is.pre, i32 %pre, i32 %all
  %new = or i32 %mx, %set
  %mx.p = place i32 %env {env_mxcsr}
  store i32 %new, i32* %mx.p
  %cr4 = field i64 %env {env_cr4}
  %on.a = and i64 %cr4, {osxmmexcpt}
  %on = icmp ne i64 %on.a, 0
  %vector = select i1 %on, i32 {xm}, i32 {ud}
  %event = select i1 %raises, i32 %vector, i32 0
  ret i32 %event
}

define internal i1 @simd_tiny32(<4 x i32>* %p, i4 %lanes) {
  %v = load <4 x i32>, <4 x i32>* %p, align 1
  %a = and <4 x i32> %v, <i32 2147483647, i32 2147483647, i32 2147483647, i32 2147483647>
  %b = add <4 x i32> %a, <i32 -1, i32 -1, i32 -1, i32 -1>
  %t = icmp ult <4 x i32> %b, <i32 8388607, i32 8388607, i32 8388607, i32 8388607>
  %m = bitcast <4 x i1> %t to i4
  %k = and i4 %m, %lanes
  %r = icmp ne i4 %k, 0
  ret i1 %r
}

define internal i1 @simd_tiny64(<4 x i32>* %p, i2 %lanes) {
  %v.p = bitcast <4 x i32>* %p to <2 x i64>*
  %v = load <2 x i64>, <2 x i64>* %v.p, align 1
  %a = and <2 x i64> %v, <i64 9223372036854775807, i64 9223372036854775807>
  %b = add <2 x i64> %a, <i64 -1, i64 -1>
  %t = icmp ult <2 x i64> %b, <i64 4503599627370495, i64 4503599627370495>
  %m = bitcast <2 x i1> %t to i2
  %k = and i2 %m, %lanes
  %r = icmp ne i2 %k, 0
  ret i1 %r
}

define void @simd_ldmxcsr(i64 %env, i32 %value) {
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  %high = and i32 %value, {reserved}
  %bad = icmp ne i32 %high, 0
  %refuse = and i1 %ours, %bad
  br i1 %refuse, label %leave, label %go
leave:
  %ra = caller
  %e.p = place i32 %env {env_error}
  store i32 0, i32* %e.p
  leave {gp}
  ret void
go:
  %o = inttoptr i64 {ldmxcsr} to void (i64, i32)*
  tail call void %o(i64 %env, i32 %value)
  ret void
}

define void @simd_status(i64 %env) {
  %c = field i64 %env {env_owner}
  %ours = icmp ne i64 %c, 0
  br i1 %ours, label %out, label %go
out:
  ret void
go:
  %o = inttoptr i64 {update_mxcsr_status} to void (i64)*
  tail call void %o(i64 %env)
  ret void
}

;; stub: a helper around the instruction `code`
define {returns} @simd_{name}({args}) {
  %tmp = alloca <4 x i32>, align 16
  %out = alloca i64, align 8
  %lanes = alloca [2 x <4 x i32>], align 16
  %local = alloca i32, align 4
  %c = field i64 %env {env_owner}
  %foreign = icmp eq i64 %c, 0
  br i1 %foreign, label %other, label %ours, !prof !0
ours:
  %mx.p = place i32 %env {env_mxcsr}
  %tmp.a = ptrtoint <4 x i32>* %tmp to i64
  %out.a = ptrtoint i64* %out to i64
  %x = ptrtoint {extra} to i64
  %guest = load i32, i32* %mx.p
{before}
  %usual.a = and i32 %mx, {masks_reserved}
  %usual = icmp eq i32 %usual.a, {masks}
  br i1 %usual, label %fast, label %careful, !prof !1
fast:
  call void asm sideeffect "ldmxcsr ($2); {code}; stmxcsr ($2)", "{clobbers}"(i64 {to}, {source}, i32* {control}, i64 %x)
{after}
  %other.control = and i32 %mx, {not_flags}
  %plain = icmp eq i32 %other.control, {masks}
  br i1 %plain, label %done, label %restore, !prof !1
restore:
  call void asm sideeffect "ldmxcsr ($0)", "r,~{memory}"(i32* @simd_host)
  br label %done
done:
{result}
careful:
{copy}
  %um = and i32 %mx, {um}
  %no.um = icmp eq i32 %um, 0
  %keep = select i1 %no.um, i32 {keep_um}, i32 {keep}
  %kept = and i32 %mx, %keep
  %masked = or i32 %kept, {masks}
  store i32 %masked, i32* %local
  call void asm sideeffect "ldmxcsr ($2); {code}; stmxcsr ($2)", "{clobbers}"(i64 {aside}, {source}, i32* %local, i64 %x)
  call void asm sideeffect "ldmxcsr ($0)", "r,~{memory}"(i32* @simd_host)
  %status = load i32, i32* %local
  %found = and i32 %status, {flags}
{tiny}
  %event = call i32 @simd_unmasked(i64 %env, i32 %guest, i32 %found, i1 %tiny)
  %fine = icmp eq i32 %event, 0
  br i1 %fine, label %commit, label %leave
commit:
{commit}
  br label %done
leave:
  %ra = caller
  leave %event
  unreachable
other:
  %o = inttoptr i64 {original} to {returns} ({types})*
{call_original}
}

;; round: ROUNDPS and its like, by the immediate
define void @simd_{name}(i64 %env, i64 %d, i64 %s, i32 %imm) {
  %bit = and i32 %imm, 8
  %no = icmp eq i32 %bit, 0
  br i1 %no, label %inexact, label %exact
inexact:
  musttail call void @simd_{name}_inexact(i64 %env, i64 %d, i64 %s, i32 %imm)
  ret void
exact:
  musttail call void @simd_{name}_exact(i64 %env, i64 %d, i64 %s, i32 %imm)
  ret void
}

;; by_immediate: before: the rounding mode
  %rc = and i32 %imm, 3
  %rc.high = shl i32 %rc, 13
  %by.mxcsr = and i32 %imm, 4
  %as.is = icmp ne i32 %by.mxcsr, 0
  %others = and i32 %guest, {not_rc}
  %chosen = or i32 %others, %rc.high
  %mx = select i1 %as.is, i32 %guest, i32 %chosen
  store i32 %mx, i32* %local

;; merge: after: flags go into the guest's MXCSR
  %after = load i32, i32* %local
  %raised = and i32 %after, {flags}
  %merged = or i32 %guest, %raised
  store i32 %merged, i32* %mx.p

;; lanes: before DPPS, DPPD: which lanes the immediate names
  %mx = or i32 %guest, 0
  %in.a = lshr i32 %imm, 4
  %in = and i32 %in.a, {last}
  %to = and i32 %imm, {last}
  %in.p = getelementptr [{count} x {vector}], [{count} x {vector}]* @simd_lanes{bits}, i32 0, i32 %in
  %to.p = getelementptr [{count} x {vector}], [{count} x {vector}]* @simd_lanes{bits}, i32 0, i32 %to
  %in.v = load {vector}, {vector}* %in.p, align 16
  %to.v = load {vector}, {vector}* %to.p, align 16
  %l0 = getelementptr [2 x <4 x i32>], [2 x <4 x i32>]* %lanes, i32 0, i32 0
  %l1 = getelementptr [2 x <4 x i32>], [2 x <4 x i32>]* %lanes, i32 0, i32 1
  %l0.p = bitcast <4 x i32>* %l0 to {vector}*
  %l1.p = bitcast <4 x i32>* %l1 to {vector}*
  store {vector} %in.v, {vector}* %l0.p, align 16
  store {vector} %to.v, {vector}* %l1.p, align 16

;; copy: 16 bytes
  %{name}.from = inttoptr i64 {source} to <4 x i32>*
  %{name}.v = load <4 x i32>, <4 x i32>* %{name}.from, align 1
  %{name}.to = inttoptr i64 {target} to <4 x i32>*
  store <4 x i32> %{name}.v, <4 x i32>* %{name}.to, align 1

;; tiny: is a lane of the result tiny?
  %tiny = call i1 @simd_tiny{bits}(<4 x i32>* %tmp, i{count} {all})

;; status_flags: the result of a comparison
  %status.flags = load i64, i64* %out
  %cc.p = place i64 %env {env_cc_src}
  store i64 %status.flags, i64* %cc.p
  ret void

;; value: the result in a general register
  %value = load i64, i64* %out
  ret i64 %value
