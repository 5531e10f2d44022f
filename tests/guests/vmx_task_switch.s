# Expect: pass. In non-root operation task switches exit with reason 9: TSS selector, source, length, and the event that met a task gate.
        .include "lib.s"
        .include "modelib.s"
        .include "vmxlib.s"

        .equ    TASK_GATE, SCRATCH
        .equ    NEW_TSS, SCRATCH + 8
        .equ    FROM_IRET, 1 << 30
        .equ    FROM_JMP, 2 << 30
        .equ    FROM_GATE, 3 << 30

        .macro  TSS32 access
        mov     dword ptr [scratch_descriptors + 8], tss32 << 16 & 0xFFFFFFFF | 103
        mov     dword ptr [scratch_descriptors + 12], tss32 >> 16 & 0xFF | (\access) << 8 | tss32 & 0xFF000000
        .endm
# STOPPED at, qualification, length - The guest stopped there, for this task switch; nothing of it happened.
        .macro  STOPPED at, qualification, length
        RUN     TASK_SWITCH
        QUALIFIED \qualification
        LENGTH  \length
        GET     rdx, GUEST_RIP
        EQ      rdx, offset \at
        GET     rdx, GUEST_TR_SELECTOR
        EQ      edx, TSS
        .endm
test:   call    vmx_start
        CLEAR   ENTRY_CONTROLS, ENTRYC_GUEST_64
        PUT     GUEST_CR0, CR0_PE | CR0_ET | CR0_NE
        PUT     GUEST_CR4, CR4_VMXE
        PUT     GUEST_EFER, 0
        PUT     GUEST_CS_SELECTOR, CODE32
        PUT     GUEST_CS_ACCESS_RIGHTS, CODE32_AR
        PUT     GUEST_CS_LIMIT, 0xFFFFFFFF
        PUT     GUEST_CS_BASE, 0
        PUT     GUEST_IDTR_BASE, offset idt32
        PUT     GUEST_IDTR_LIMIT, 0x7FF
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        PUT     EXCEPTION_BITMAP, 0
        mov     dword ptr [scratch_descriptors], NEW_TSS << 16
        mov     dword ptr [scratch_descriptors + 4], 0x8500
        mov     dword ptr [idt32 + 8 * 0x90], NEW_TSS << 16
        mov     dword ptr [idt32 + 8 * 0x90 + 4], 0xE500
        mov     dword ptr [idt32 + 8 * VECTOR_UD], NEW_TSS << 16
        mov     dword ptr [idt32 + 8 * VECTOR_UD + 4], 0x8500
        TSS32   0x89
        GUEST   by_call
        STOPPED by_call, NEW_TSS, 7
        GET     rdx, IDT_VECTORING_INFO
        EQ      edx, 0
        GUEST   by_jmp
        STOPPED by_jmp, NEW_TSS + FROM_JMP, 7
        GUEST   by_gate
        STOPPED by_gate, NEW_TSS, 7
        GUEST   by_int
        STOPPED by_int, NEW_TSS + FROM_GATE, 2
        GET     rdx, IDT_VECTORING_INFO
        EQ      edx, 0x80000490
        GUEST   by_fault
        RUN     TASK_SWITCH
        QUALIFIED NEW_TSS + FROM_GATE
        GET     rdx, IDT_VECTORING_INFO
        EQ      edx, 0x80000300 + VECTOR_UD
        GET     rdx, GUEST_RFLAGS
        BITS    edx, RFLAGS_RF
        PUT     GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_NT
        TSS32   0x8B
        mov     word ptr [tss], NEW_TSS
        GUEST   by_iret
        STOPPED by_iret, NEW_TSS + FROM_IRET, 1
        GET     rdx, GUEST_RFLAGS
        BITS    edx, RFLAGS_NT
        PUT     GUEST_RFLAGS, RFLAGS_ONE        # the checks come first
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_GP
        GUEST   by_call                         # busy
        RUN     EXCEPTION
        GET     rdx, EXIT_INTERRUPTION_ERROR_CODE
        EQ      edx, NEW_TSS
        GUEST   by_int
        RUN     EXCEPTION
        GET     rdx, IDT_VECTORING_INFO
        EQ      edx, 0x80000490
        PASS

        .code32
by_call: lcall  NEW_TSS, 0
by_jmp: ljmp    NEW_TSS, 0
by_gate: lcall  TASK_GATE, 0
by_int: int     0x90
by_fault: ud2
by_iret: iretd
        .code64
