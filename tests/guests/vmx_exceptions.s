# Expect: pass. The exception bitmap and the page-fault mask and match decide; qualification and error code are delivered.
        .include "lib.s"
        .include "vmxlib.s"

        .macro  INFO value
        GET     rax, EXIT_INTERRUPTION_INFO
        EQ      eax, \value
        .endm
test:   call    vmx_start
        ON      VECTOR_UD, in_guest
        GUEST   g_ud
        RUN     VMCALL                          # delivered inside the guest
        EQ      dword ptr [rip + seen], 1
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_UD | 1 << VECTOR_PF | 1 << VECTOR_BP | 1 << VECTOR_DB | 1 << VECTOR_GP
        GUEST   g_ud
        RUN     EXCEPTION
        INFO    INTR_VALID | put(INTR_TYPE, EVENT_HARD) | VECTOR_UD
        GET     rdx, GUEST_RIP
        EQ      rdx, offset g_ud
        GUEST   g_bp
        RUN     EXCEPTION
        INFO    INTR_VALID | put(INTR_TYPE, EVENT_SOFT_EXC) | VECTOR_BP
        LENGTH  1
        GUEST   g_int1
        RUN     EXCEPTION
        INFO    INTR_VALID | put(INTR_TYPE, EVENT_PRIV) | VECTOR_DB
        GUEST   g_gp
        RUN     EXCEPTION
        INFO    INTR_VALID | INTR_ERROR | put(INTR_TYPE, EVENT_HARD) | VECTOR_GP
        GUEST   g_pf
        mov     qword ptr [AT_RBX], WINDOW + 0x123
        RUN     EXCEPTION
        INFO    INTR_VALID | INTR_ERROR | put(INTR_TYPE, EVENT_HARD) | VECTOR_PF
        QUALIFIED WINDOW + 0x123
        GET     rax, EXIT_INTERRUPTION_ERROR_CODE
        EQ      eax, PFEC_WR
        PUT     PFEC_MASK, PFEC_WR              # only reads exit now
        ON      VECTOR_PF, skip_pf
        GUEST   g_pf
        RUN     VMCALL
        PUT     PFEC_MATCH, PFEC_WR             # only writes
        GUEST   g_pf
        RUN     EXCEPTION
        PUT     EXCEPTION_BITMAP, 0             # the other way round: no match exits
        PUT     PFEC_MATCH, 0
        GUEST   g_pf
        RUN     EXCEPTION
        PASS

in_guest: inc   dword ptr [rip + seen]
        add     qword ptr [rdi + FRAME_RIP], 2
        ret
skip_pf: add    qword ptr [rdi + FRAME_RIP], 3
        ret
g_ud:   ud2
        vmcall
g_bp:   int3
g_int1: int1
g_gp:   mov     rax, 0x800000000000
        mov     rax, [rax]
g_pf:   mov     [rbx], rax
        vmcall
        .align  8
seen:   .quad   0
