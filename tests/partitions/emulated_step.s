# Expect: pass. Single-stepping over emulated instructions traps after each, and STI's shadow ends with them.
        .include "hvlib.s"

        .macro  STEP
        pushfq
        or      qword ptr [rsp], RFLAGS_TF
        popfq
        .endm
test:   EXPECT_AT VECTOR_DB, NOTHING, .after_cpuid
        STEP
        cpuid
.after_cpuid:
        nop
        CAUGHT
        mov     ecx, MSR_APIC_BASE
        EXPECT_AT VECTOR_DB, NOTHING, .after_rdmsr
        STEP
        rdmsr
.after_rdmsr:
        nop
        CAUGHT
        EXPECT_AT VECTOR_DB, NOTHING, .after_in
        STEP
        in      al, PORT_POST
.after_in:
        nop
        CAUGHT
        ON      0x55, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_ICR, 0x55 | put(ICR_SHORTHAND, SHORTHAND_SELF)
        sti
        cpuid                                   # in the shadow
after:  nop
        cli
        EQ      dword ptr [rip + at], after
        PASS
taken:  mov     rax, [rdi + FRAME_RIP]
        mov     [rip + at], rax
        ret
        .align  8
at:     .quad   0
