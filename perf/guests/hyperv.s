# hyperv.s - the root partition does one thing again and again: ASKED says which; COUNT says how often it has been done.
#
# Source  tests/hyperv/rootlib.s

        .equ    ROOT_POOL, 64                   # a page of it for each child
        .include "../../tests/hyperv/rootlib.s"

        .equ    COUNT, 0x300000                 # of the root, or of VP 0 of its child
        .equ    LATE, 0x300008                  # of the timer: cycles that the latest interrupt was late
        .equ    GIVEN_1, PRIVILEGE_HYPERCALL | PRIVILEGE_SYNIC | PRIVILEGE_APIC | PRIVILEGE_VP_INDEX
        .equ    GIVEN, GIVEN_1 | PRIVILEGE_POST_MESSAGES | PRIVILEGE_SIGNAL_EVENTS
        .equ    C_COUNT, 0x28000                # in the child's memory
        .equ    C_PAGE, 0x20000
        .equ    C_SIM, 0x21000
        .equ    C_SIEF, 0x22000
        .equ    C_INPUT, 0x23000
        .equ    C_IDT, 0x24000
        .equ    SLOT2, SIM_PAGE + 2 * SLOTS_BYTES
        .equ    FLAGS3, SIEF_PAGE + 3 * 256
        .equ    TIMER, 0x63
        .equ    ID_OUT, 5
        .equ    ID_IN, 6
        .equ    MORE_POOL, 0x1000000            # of further children

        .macro  PORT_AND_CONNECTION receiver, port, sender, connection, type, sint, count=0
        call    clear_input
        mov     [INPUT], \receiver
        mov     dword ptr [INPUT + 8], \port
        mov     [INPUT + 16], \sender
        mov     dword ptr [INPUT + 24], \type
        mov     dword ptr [INPUT + 32], \sint
        mov     dword ptr [INPUT + 40], (\count) << 16
        OK      HVCALL_CREATE_PORT
        call    clear_input
        mov     [INPUT], \sender
        mov     dword ptr [INPUT + 8], \connection
        mov     [INPUT + 16], \receiver
        mov     dword ptr [INPUT + 24], \port
        mov     dword ptr [INPUT + 32], \type
        OK      HVCALL_CONNECT_PORT
        .endm
        .macro  LINKED type, sint, count=0      # both ways
        OK      HVCALL_GET_PARTITION_ID
        mov     rbx, [OUTPUT]
        PORT_AND_CONNECTION r15, 0x11, rbx, ID_OUT, \type, \sint, \count
        PORT_AND_CONNECTION rbx, 0x12, r15, ID_IN, \type, \sint, \count
        .endm

test:   ROOT_BEGINS
        WRMSR   (HVMSR_SINT0 + 2), 0x52 | SINT_POLLING
        WRMSR   (HVMSR_SINT0 + 3), 0x53 | SINT_POLLING
        .if     ASKED == 1                      # a fast call with its output in a register
1:      mov     rcx, HVCALL_GET_PARTITION_ID | HVINPUT_FAST
        mov     eax, CALL_PAGE
        call    rax
        inc     qword ptr [COUNT]
        jmp     1b
        .endif
        .if     ASKED == 2                      # the same with a list in memory
1:      mov     ecx, HVCALL_GET_PARTITION_ID
        mov     r8d, OUTPUT
        mov     eax, CALL_PAGE
        call    rax
        inc     qword ptr [COUNT]
        jmp     1b
        .endif
        .if     ASKED == 3                      # sixty-four elements
        call    clear_input
        mov     qword ptr [INPUT], -1
        mov     dword ptr [INPUT + 8], SELF_VP
        mov     ecx, 64
1:      mov     dword ptr [INPUT + 12 + rcx*4], HVREG_VP_INDEX
        dec     ecx
        jnz     1b
2:      mov     rcx, HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, 64)
        mov     edx, INPUT
        mov     r8d, OUTPUT
        mov     eax, CALL_PAGE
        call    rax
        inc     qword ptr [COUNT]
        jmp     2b
        .endif
        .if     ASKED == 4                      # a message to the child, and one back
        NEW_CHILD echo, echo_end, GIVEN
        LINKED  1, 2
        SET     HVREG_EXPLICIT_SUSPEND, 0
1:      cmp     dword ptr [SLOT2], 0
        je      2f
        mov     dword ptr [SLOT2], 0
        inc     qword ptr [COUNT]
        mov     dword ptr [INPUT], ID_OUT
        mov     dword ptr [INPUT + 8], 1
        mov     dword ptr [INPUT + 12], 8
        mov     ecx, HVCALL_POST_MESSAGE
        mov     edx, INPUT
        mov     eax, CALL_PAGE
        call    rax
        jmp     1b
2:
        .if     PROCESSORS == 1
        CALL_FAST HVCALL_SPIN_WAIT, 1
        .endif
        jmp     1b
        .endif
        .if     ASKED == 5                      # an event to the child, and one back
        NEW_CHILD echo, echo_end, GIVEN
        LINKED  2, 3, 1
        SET     HVREG_EXPLICIT_SUSPEND, 0
1:      lock btr dword ptr [FLAGS3], 0
        jnc     2f
        inc     qword ptr [COUNT]
        mov     rcx, HVCALL_SIGNAL_EVENT | HVINPUT_FAST
        mov     edx, ID_OUT
        mov     eax, CALL_PAGE
        call    rax
        jmp     1b
2:
        .if     PROCESSORS == 1
        CALL_FAST HVCALL_SPIN_WAIT, 1
        .endif
        jmp     1b
        .endif
        .if     ASKED == 6                      # a port of the child: the message, RIP after the instruction, and on
        NEW_CHILD outs, outs_end, GIVEN
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 3
        STORE   INPUT + 16, 0x10
        OK      HVCALL_INSTALL_INTERCEPT
        SET     HVREG_EXPLICIT_SUSPEND, 0
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 16], HVREG_RIP
        mov     qword ptr [INPUT + 32], CHILD_CODE
        mov     dword ptr [INPUT + 48], HVREG_INTERCEPT_SUSPEND
1:      cmp     dword ptr [SLOT0], 0
        je      2f
        mov     dword ptr [SLOT0], 0
        inc     qword ptr [COUNT]
        mov     rcx, HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 2)
        mov     edx, INPUT
        mov     eax, CALL_PAGE
        call    rax
        jmp     1b
2:
        .if     PROCESSORS == 1
        CALL_FAST HVCALL_SPIN_WAIT, 1
        .endif
        jmp     1b
        .endif
        .if     ASKED == 7                      # two VPs of a child interrupt each other by turns
        NEW_CHILD ipis, ipis_end, GIVEN
        MORE_VP 1, 0x8000
        SET     HVREG_EXPLICIT_SUSPEND, 0
        jmp     rests
        .endif
        .if     ASKED == 8                      # a timer, 20 us from now: how late is its interrupt?
        ON      TIMER, timer_fired
        WRMSR   HVMSR_STIMER0_CONFIG, STIMER_DIRECT | STIMER_AUTO_ENABLE | put(STIMER_VECTOR, TIMER)
1:      RDMSR   HVMSR_TIME_REF_COUNT
        add     rax, 200
        mov     [rip + due], rax
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, HVMSR_STIMER0_COUNT
        wrmsr
        mov     rbx, [COUNT]
        sti
2:      cmp     [COUNT], rbx
        je      2b
        cli
        jmp     1b
# timer_fired - Entry: rdi = FRAME.  Exit: nothing.  Changes rax, rcx, rdx.
timer_fired:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        imul    rcx, [rip + due], 100           # cycles of a unit of reference time; the TSC began with it
        sub     rax, rcx
        mov     [LATE], rax
        inc     qword ptr [COUNT]
        WRMSR   HVMSR_EOI, 0
        ret
        .align  8
due:    .quad   0
        .endif
        .if     ASKED == 9                      # a child's VP and the root give the processor to each other
        NEW_CHILD yields, yields_end, GIVEN
        SET     HVREG_EXPLICIT_SUSPEND, 0
1:      CALL_FAST HVCALL_SPIN_WAIT, 1
        inc     qword ptr [COUNT]
        jmp     1b
        .endif
        .if     ASKED == 10                     # CHILDREN partitions that count, all at once
        mov     r13d, MORE_POOL >> 12
        mov     dword ptr [rip + made], CHILDREN
        mov     qword ptr [rip + place], IDS
1:      EMPTY_CHILD r13d, 32
        add     r13d, 32
        lea     rsi, [rip + counts]
        mov     ecx, counts_end - counts
        call    load_child
        call    long_child
        mov     rax, [rip + place]
        mov     [rax], r15
        add     qword ptr [rip + place], 8
        dec     dword ptr [rip + made]
        jnz     1b
        mov     qword ptr [rip + place], IDS
2:      mov     rax, [rip + place]
        mov     rax, [rax]
        mov     [rip + child], rax
        SET     HVREG_EXPLICIT_SUSPEND, 0
        add     qword ptr [rip + place], 8
        inc     qword ptr [COUNT]
        cmp     qword ptr [COUNT], CHILDREN
        jb      2b
        jmp     rests
made:   .quad   0
place:  .quad   0
        .equ    IDS, 0x310000
counts: inc     qword ptr [C_COUNT]
        jmp     counts
counts_end:
        .endif
rests:  sti
        hlt
        jmp     rests

        .macro  C_WRMSR msr, value
        mov     ecx, \msr
        mov     eax, \value
        xor     edx, edx
        wrmsr
        .endm
        .macro  C_BEGINS
        mov     ecx, HVMSR_GUEST_OS_ID
        mov     eax, 1
        mov     edx, eax
        wrmsr
        C_WRMSR HVMSR_HYPERCALL, C_PAGE | 1
        .endm
# echo - The child that answers: the first message or event is its own.  Entry: nothing.  Exit: never.
echo:   C_BEGINS
        C_WRMSR HVMSR_SIMP, C_SIM | 1
        C_WRMSR HVMSR_SIEFP, C_SIEF | 1
        C_WRMSR HVMSR_SCONTROL, 1
        C_WRMSR HVMSR_SINT0 + 2, 0x52 | SINT_POLLING
        C_WRMSR HVMSR_SINT0 + 3, 0x53 | SINT_POLLING
1:
        .if     ASKED == 4
        mov     dword ptr [C_INPUT], ID_IN
        mov     dword ptr [C_INPUT + 8], 1
        mov     dword ptr [C_INPUT + 12], 8
        mov     ecx, HVCALL_POST_MESSAGE
        .else
        mov     rcx, HVCALL_SIGNAL_EVENT | HVINPUT_FAST
        .endif
        mov     edx, C_INPUT
        .if     ASKED == 5
        mov     edx, ID_IN
        .endif
        mov     eax, C_PAGE
        call    rax
2:
        .if     ASKED == 4
        cmp     dword ptr [C_SIM + 2 * SLOTS_BYTES], 0
        je      3f
        mov     dword ptr [C_SIM + 2 * SLOTS_BYTES], 0
        jmp     1b
3:
        .else
        lock btr dword ptr [C_SIEF + 3 * 256], 0
        jc      1b
        .endif
        .if     PROCESSORS == 1
        mov     rcx, HVCALL_SPIN_WAIT | HVINPUT_FAST
        mov     eax, C_PAGE
        call    rax
        .endif
        jmp     2b
echo_end:
# outs - A child that writes to a port.  Entry: nothing.  Exit: never.
outs:   out     0x10, al
        jmp     outs
outs_end:
# yields - A child that gives its time away.  Entry: nothing.  Exit: never.
yields: C_BEGINS
1:      mov     rcx, HVCALL_SPIN_WAIT | HVINPUT_FAST
        mov     eax, C_PAGE
        call    rax
        jmp     1b
yields_end:

# ipis - VP 0 interrupts VP 1 and waits for its answer.  Entry: nothing.  Exit: never.
ipis:   lidt    [rip + ipis_idt]
        lgdt    [rip + ipis_gdt]
        CHILD_GATE C_IDT, 0x61, ipis_taken
        C_WRMSR MSR_APIC_BASE, MEMORY_LOCAL_APIC | APICBASE_EN | APICBASE_EXTD | APICBASE_BSP
        C_WRMSR X2APIC_FIRST + APIC_SVR, SVR_ENABLE | 0xFF
        mov     ecx, HVMSR_VP_INDEX
        rdmsr
        sti
        test    eax, eax
        jnz     2f
        xor     ebx, ebx
1:      inc     rbx
        mov     ecx, X2APIC_FIRST + APIC_ICR
        mov     edx, 1
        mov     eax, 0x61 | ICR_ASSERT
        wrmsr
3:      cmp     [C_COUNT], rbx
        jb      3b
        jmp     1b
2:      pause
        jmp     2b
# ipis_taken - Entry: from hardware.  Exit: IRETQ.  Keeps every register.
ipis_taken:
        push    rax
        push    rcx
        push    rdx
        inc     qword ptr [C_COUNT]
        C_WRMSR HVMSR_EOI, 0
        pop     rdx
        pop     rcx
        pop     rax
        iretq
ipis_gdt:
        .word   23
        .quad   CHILD_CODE + ipis_descriptors - ipis
ipis_descriptors:
        .quad   0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
ipis_idt:
        .word   256 * 16 - 1
        .quad   C_IDT
ipis_end:
        LIBRARY
