# Expect: pass. SYSENTER and SYSEXIT load flat segments from IA32_SYSENTER_CS, RIP and RSP from their MSRs or RDX and RCX.
        .include "lib.s"

test:   RING3
        EXPECT  VECTOR_GP                       # IA32_SYSENTER_CS is null
        sysenter
        CAUGHT
        RING0
        EXPECT  VECTOR_GP
        sysexitq
        CAUGHT
        WRMSR   MSR_SYSENTER_CS, CODE64
        WRMSR   MSR_SYSENTER_ESP, STACK_IST2
        WRMSR   MSR_SYSENTER_EIP, entry
        RING3
        mov     rdx, USER + .back
        mov     rcx, rsp
        mov     rbx, rsp
        sysenter
.back:  EQ      rsp, rbx
        mov     ax, cs
        EQ      ax, CODE64 + 32 | 3
        mov     ax, ss
        EQ      ax, CODE64 + 40 | 3
        EQ      dword ptr [rip + count], 1
        EXPECT  VECTOR_GP
        sysexitq                                # privileged
        CAUGHT
        RING0
        PASS

entry:  inc     dword ptr [rip + count]
        EQ      rsp, offset STACK_IST2
        pushfq
        pop     rax
        NOBITS  eax, RFLAGS_IF
        mov     ax, cs
        EQ      ax, CODE64
        mov     ax, ss
        EQ      ax, DATA
        mov     rdx, USER + test.back
        mov     rcx, rbx
        sysexitq
        .align  8
count:  .quad   0
