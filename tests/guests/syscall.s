# Expect: pass. SYSCALL and SYSRET load CS, SS, RIP, RFLAGS, RCX and R11 as IA32_STAR, LSTAR and FMASK say.
        .include "lib.s"

test:   WRMSR   MSR_STAR, (CODE64 << 32) | (USER_CODE32 << 48)
        WRMSR   MSR_LSTAR, entry
        WRMSR   MSR_FMASK, RFLAGS_TF | RFLAGS_DF | RFLAGS_CF
        RDMSR   MSR_EFER
        and     rax, ~EFER_SCE
        WRMSR   MSR_EFER, rax
        RING3
        EXPECT  VECTOR_UD                       # EFER.SCE = 0
        syscall
        CAUGHT
        RING0
        RDMSR   MSR_EFER
        or      rax, EFER_SCE
        WRMSR   MSR_EFER, rax
        RING3
        mov     rbx, rsp
        xor     ecx, ecx
        xor     r11d, r11d
        stc
        std
        syscall
.back:  cld
        jc      .carry
        FAIL    50
.carry: EQ      rsp, rbx
        mov     ax, cs
        EQ      ax, USER_CODE64
        mov     ax, ss
        EQ      ax, USER_DATA
        EQ      dword ptr [rip + count], 1
        RING0
        mov     rcx, 0x800000000000             # SYSRET to a non-canonical address faults in ring 0
        mov     r11d, RFLAGS_ONE
        EXPECT  VECTOR_GP
        sysretq
        CAUGHT
        WRMSR   MSR_LSTAR, entry
        mov     rax, 1 << (LINEAR_BITS - 1)     # LSTAR must be canonical for the processor
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, MSR_LSTAR
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        PASS

entry:  inc     dword ptr [rip + count]
        mov     rax, USER + test.back
        EQ      rcx, rax
        BITS    r11d, RFLAGS_CF
        BITS    r11d, RFLAGS_DF
        pushfq
        pop     rax
        NOBITS  eax, RFLAGS_CF | RFLAGS_DF
        mov     ax, cs
        EQ      ax, CODE64
        mov     ax, ss
        EQ      ax, DATA
        EQ      rsp, rbx                        # the stack is still the caller's
        mov     rcx, USER + test.back
        mov     r11d, RFLAGS_CF | RFLAGS_ONE
        sysretq
        .align  8
count:  .quad   0
