# Expect: pass. An exit after MOV SS that ran with TF = 1 saves BS in the pending debug exceptions, so that the state can be entered again.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    LOST, 0x2C0000                  # a page that the EPT lacks
# STEPS label - The guest goes on there, single-stepping.  HELD label, pending - It stopped there after MOV SS, with these.
        .macro  STEPS label
        PUT     GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_TF
        PUT     GUEST_INTERRUPTIBILITY, 0
        PUT     GUEST_PENDING_DEBUG, 0
        mov     qword ptr [AT_RAX], DATA
        GUEST   \label
        .endm
        .macro  HELD label, pending=PENDING_BS
        GET     rdx, GUEST_RIP
        EQ      rdx, offset \label
        GET     rax, GUEST_INTERRUPTIBILITY
        EQ      eax, BLOCKING_MOV_SS
        GET     rax, GUEST_PENDING_DEBUG
        EQ      eax, \pending
        .endm
test:   call    vmx_start
        ON      VECTOR_DB, seen
        STEPS   instruction
        RUN     CPUID                           # an instruction that exits
        HELD    instruction_next
        RUN     CPUID                           # the same state again
        HELD    instruction_next
        GUEST   instruction_done                # the step is taken after one instruction more
        RUN     VMCALL
        EQ      dword ptr [rip + count], 1
        EQ      qword ptr [rip + place], offset instruction_call

        STEPS   fault                           # an exception that exits
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_UD
        RUN     EXCEPTION
        HELD    fault_next
        RUN     EXCEPTION
        HELD    fault_next
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_DB
        STEPS   int1                            # but a debug exception is the exit's, none is saved
        RUN     EXCEPTION
        HELD    int1_next, 0
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_BP
        STEPS   int3
        RUN     EXCEPTION
        HELD    int3_next
        PUT     EXCEPTION_BITMAP, 0

        SET     PRIMARY_CONTROLS, PROC_MTF      # an exit between the two instructions
        STEPS   instruction
        RUN     MTF
        HELD    instruction_next
        CLEAR   PRIMARY_CONTROLS, PROC_MTF
        RUN     CPUID
        HELD    instruction_next
        SET     PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER
        PUT     PREEMPTION_TIMER, 0
        RUN     PREEMPTION_TIMER                # before the first instruction
        HELD    instruction_next
        CLEAR   PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER

        mov     rax, EPT_PT + EPT_RWX           # an access that the EPT refuses
        mov     [EPT_PD + 8 * (LOST >> 21)], rax
        call    split
        STEPS   access
        RUN     EPT_VIOLATION
        HELD    access_next
        RUN     EPT_VIOLATION
        HELD    access_next

        STEPS   instruction                     # without TF there is nothing to hold
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        RUN     CPUID
        HELD    instruction_next, 0
        PASS

instruction:
        mov     ss, eax
instruction_next:
        cpuid
instruction_done:
        nop
instruction_call:
        vmcall
fault:  mov     ss, eax
fault_next:
        ud2
int1:   mov     ss, eax
int1_next:
        int1
int3:   mov     ss, eax
int3_next:
        int3
access: mov     ss, eax
access_next:
        mov     eax, [LOST]
seen:   inc     dword ptr [rip + count]
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + place], rax
        and     qword ptr [rdi + FRAME_RFLAGS], ~RFLAGS_TF
        ret
split:  mov     edi, EPT_PT                     # the 2 MiB page of LOST by 4 KiB pages, without that of LOST
        mov     eax, LOST & ~0x1FFFFF | EPT_RWX | EPT_WB
        mov     ecx, 512
1:      mov     [rdi], rax
        add     rdi, 8
        add     rax, 0x1000
        loop    1b
        mov     qword ptr [EPT_PT + 8 * (LOST >> 12 & 511)], 0
        ret
        .align  8
count:  .quad   0
place:  .quad   0
