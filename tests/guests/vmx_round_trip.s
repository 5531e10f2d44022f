# Expect: pass. Entry and exit in 64-bit mode with EPT: registers go through, RIP, RSP, RFLAGS are saved, the host's loaded.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        GUEST   guest
        mov     qword ptr [AT_RBX], 0x77
        pushfq
        or      qword ptr [rsp], RFLAGS_CF
        popfq
        mov     r12, rsp
        RUN     CPUID
        EQ      rsp, r12
        LENGTH  2
        EQ      qword ptr [AT_RBX], 0x78
        GET     rdx, GUEST_RIP
        EQ      rdx, offset exits
        GET     rdx, GUEST_RSP
        EQ      rdx, offset GUEST_STACK - 8
        GET     rdx, GUEST_RFLAGS
        BITS    edx, RFLAGS_DF
        EQ      qword ptr [rip + exit_flags], RFLAGS_ONE        # a VM exit clears RFLAGS
        SKIP
        mov     qword ptr [AT_RAX], 0x55
        RUN     VMCALL
        LENGTH  3
        EQ      qword ptr [AT_RSI], 0x55
        EQ      qword ptr [GUEST_RAM], 0x99
        mov     r13d, 1000
.loop:  GUEST   again
        RUN     CPUID
        dec     r13d
        jnz     .loop
        vmxoff
        PASS
guest:  push    rax
        inc     ebx
        std
exits:  cpuid
        cld
        mov     rsi, rax
        mov     qword ptr [GUEST_RAM], 0x99
        vmcall
again:  cpuid
