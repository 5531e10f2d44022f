# Expect: pass. Bad controls and host state fail by VMfail 7 and 8; bad guest state exits with reason 33 and bit 31.
        .include "lib.s"
        .include "vmxlib.s"

        .macro  VMFAIL field, value, error
        GET     r12, \field
        mov     r13, \value
        PUT     \field, r13
        call    vmx_run
        EQ      eax, NOTHING
        GET     rax, VM_INSTRUCTION_ERROR
        EQ      eax, VMERROR_\error
        PUT     \field, r12
        .endm
        .macro  BAD_GUEST field, value, qualification=0
        GET     r12, \field
        mov     r13, \value
        PUT     \field, r13
        call    vmx_run
        EQ      eax, offset (EXIT_ENTRY_FAILURE | REASON_ENTRY_GUEST_STATE)
        QUALIFIED \qualification
        PUT     \field, r12
        .endm
test:   call    vmx_start
        GUEST   guest
        VMFAIL  PIN_BASED_CONTROLS, 0, CONTROL_FIELD
        VMFAIL  ENTRY_CONTROLS, 0, CONTROL_FIELD
        VMFAIL  EPT_POINTER, EPT_PML4 | 0x1D, CONTROL_FIELD     # memory type 5
        VMFAIL  CR3_TARGET_COUNT, 5, CONTROL_FIELD
        VMFAIL  HOST_CR0, 0, HOST_STATE
        VMFAIL  HOST_CS_SELECTOR, 0, HOST_STATE
        VMFAIL  HOST_CS_SELECTOR, 0x0B, HOST_STATE
        VMFAIL  HOST_TR_SELECTOR, 0, HOST_STATE
        VMFAIL  HOST_GS_BASE, 1 << (LINEAR_BITS - 1), HOST_STATE
        VMFAIL  HOST_RIP, 0x800000000000, HOST_STATE
        BAD_GUEST GUEST_CR0, 0x80000020         # PG without PE
        BAD_GUEST GUEST_RFLAGS, 0               # bit 1
        BAD_GUEST GUEST_CS_ACCESS_RIGHTS, CODE64_AR | AR_DB     # L and D/B
        BAD_GUEST GUEST_TR_ACCESS_RIGHTS, AR_UNUSABLE
        BAD_GUEST GUEST_RIP, 1 << LINEAR_BITS   # bits 63 down to this are not all alike
        BAD_GUEST GUEST_ACTIVITY, 4
        BAD_GUEST VMCS_LINK_POINTER, 0x1001, ENTRYQ_LINK_POINTER
        BAD_GUEST GUEST_INTERRUPTIBILITY, BLOCKING_STI | BLOCKING_MOV_SS
        RUN     HLT                             # and all is well again
        PASS
guest:  hlt
