# Expect: pass. A guest's own DR7 is loaded and saved; its breakpoints exit with the cause in the qualification, or are delivered.
        .include "lib.s"
        .include "vmxlib.s"

        .macro  INFO value
        GET     rax, EXIT_INTERRUPTION_INFO
        EQ      eax, \value
        .endm
        .equ    HARD_DB, INTR_VALID | put(INTR_TYPE, EVENT_HARD) | VECTOR_DB
test:   call    vmx_start
        ON      VECTOR_DB, seen
        lea     rax, [rip + target]
        mov     dr0, rax
        lea     rax, [rip + watched]
        mov     dr1, rax
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_DB
        SET     ENTRY_CONTROLS, ENTRYC_LOAD_DEBUG
        SET     EXIT_CONTROLS, EXITC_SAVE_DEBUG
        PUT     GUEST_DR7, DR7_ONE | DR7_L0 | DR7_L1 | put(DR7_RW1, 1) | put(DR7_LEN1, 3)
        GUEST   g_code                          # a fault before the instruction
        RUN     EXCEPTION
        INFO    HARD_DB
        QUALIFIED DR6_B0
        GET     rax, GUEST_RIP
        EQ      rax, offset target
        call    target                       # DR7 of the root enables nothing
        mov     dword ptr [rip + watched], 0
        EQ      dword ptr [rip + hits], 0
        GET     rax, GUEST_RFLAGS
        or      eax, RFLAGS_RF
        PUT     GUEST_RFLAGS, rax
        RUN     VMCALL                          # past it with RF, by VM entry
        GUEST   g_data                          # a trap after the instruction
        RUN     EXCEPTION
        INFO    HARD_DB
        QUALIFIED DR6_B1
        GET     rax, GUEST_RIP
        EQ      rax, offset g_data.after
        mov     rax, dr6                        # the exit leaves DR6 alone
        NOBITS  eax, 0xF
        PUT     GUEST_DR7, DR7_ONE | DR7_L1 | put(DR7_RW1, 3) | put(DR7_LEN1, 3)
        mov     dword ptr [rip + watched], 0
        GUEST   g_held                          # held back by MOV SS, and CPUID exits before it is due
        RUN     CPUID
        GET     rax, GUEST_PENDING_DEBUG
        EQ      eax, DR6_B1 | 1 << 12
        GET     rax, GUEST_INTERRUPTIBILITY
        EQ      eax, BLOCKING_MOV_SS
        PUT     GUEST_INTERRUPTIBILITY, 0       # emulated: the shadow is over, the exception is due at entry
        SKIP
        RUN     EXCEPTION
        QUALIFIED DR6_B1
        PUT     EXCEPTION_BITMAP, 0             # delivered inside the guest
        GUEST   g_data
        RUN     VMCALL
        EQ      dword ptr [rip + hits], 1
        BITS    dword ptr [rip + status], DR6_B1
        PUT     GUEST_DR7, DR7_ONE
        GUEST   g_set                           # the guest loads DR7 itself, and an exit saves it
        RUN     VMCALL
        GET     rax, GUEST_DR7
        EQ      eax, DR7_ONE | DR7_G0
        mov     rax, dr7
        EQ      eax, DR7_ONE
        PASS

seen:   inc     dword ptr [rip + hits]
        mov     rax, dr6
        mov     [rip + status], eax
        ret
g_code: call    target
        vmcall
target: nop
        ret
g_data: mov     byte ptr [rip + watched + 1], 1
.after:  vmcall
g_held: xor     eax, eax
        mov     ss, [rip + watched]
        cpuid
        vmcall
g_set:  mov     eax, DR7_ONE | DR7_G0
        mov     dr7, rax
        vmcall
        .align  16
watched: .quad  0
hits:   .long   0
status: .long   0
