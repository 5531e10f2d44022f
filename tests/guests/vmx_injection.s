# Expect: pass. Events injected at entry are delivered through the guest's IDT, with error codes, lengths and blocking.
        .include "lib.s"
        .include "vmxlib.s"

        .macro  INJECT info, error=0, length=0
        PUT     ENTRY_INTERRUPTION_INFO, \info
        PUT     ENTRY_EXCEPTION_ERROR_CODE, \error
        PUT     ENTRY_INSTRUCTION_LENGTH, \length
        .endm
test:   call    vmx_start
        ON      0x70, note
        ON      VECTOR_GP, note
        ON      VECTOR_NMI, note
        ON      VECTOR_BP, note
        PUT     GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_IF
        INJECT  INTR_VALID | put(INTR_TYPE, EVENT_EXTERNAL) | 0x70
        GUEST   guest
        RUN     VMCALL
        EQ      dword ptr [rip + vector], 0x70
        EQ      qword ptr [rip + place], offset guest
        GET     rax, ENTRY_INTERRUPTION_INFO
        NOBITS  eax, INTR_VALID                 # cleared by the exit
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        INJECT  INTR_VALID | INTR_ERROR | put(INTR_TYPE, EVENT_HARD) | VECTOR_GP, 0x1234
        GUEST   guest
        RUN     VMCALL
        EQ      dword ptr [rip + vector], VECTOR_GP
        EQ      dword ptr [rip + error], 0x1234
        INJECT  INTR_VALID | put(INTR_TYPE, EVENT_SOFT_EXC) | VECTOR_BP, 0, 1
        GUEST   guest
        RUN     VMCALL
        EQ      qword ptr [rip + place], offset guest + 1       # after the INT3 it stands for
        INJECT  INTR_VALID | put(INTR_TYPE, EVENT_SOFT) | 0x70, 0, 2
        GUEST   guest
        RUN     VMCALL
        EQ      qword ptr [rip + place], offset guest + 2
        INJECT  INTR_VALID | put(INTR_TYPE, EVENT_NMI) | VECTOR_NMI
        GUEST   guest
        RUN     VMCALL
        EQ      dword ptr [rip + vector], VECTOR_NMI
        INJECT  INTR_VALID | put(INTR_TYPE, EVENT_HARD) | VECTOR_UD
        mov     byte ptr [rip + idt + 16 * VECTOR_UD + 5], 0x0E # delivery faults: #NP, with IDT-vectoring
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_NP
        GUEST   guest
        RUN     EXCEPTION
        GET     rax, IDT_VECTORING_INFO
        EQ      eax, INTR_VALID | put(INTR_TYPE, EVENT_HARD) | VECTOR_UD
        GET     rax, EXIT_INTERRUPTION_ERROR_CODE
        EQ      eax, VECTOR_UD * 8 + 3
        INJECT  INTR_VALID | put(INTR_TYPE, EVENT_HARD) | 32    # no such exception
        call    vmx_run
        EQ      eax, NOTHING
        GET     rax, VM_INSTRUCTION_ERROR
        EQ      eax, VMERROR_CONTROL_FIELD
        PASS

guest:  nop
        nop
        nop
        vmcall
note:   mov     rax, [rdi + FRAME_VECTOR]
        mov     [rip + vector], rax
        mov     rax, [rdi + FRAME_ERROR]
        mov     [rip + error], rax
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + place], rax
        ret
        .align  8
vector: .quad   0
error:  .quad   0
place:  .quad   0
