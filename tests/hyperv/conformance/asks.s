# asks.s - a table of questions (calls, MSRs, CPUID leaves) asked by the root, or by a child of it; the answers are kept.
#
# CALLER: 0 the root, 1 a child with the privileges GIVEN.  The table lies at TABLE (test_conformance.py), answers at ANSWERS, 32 bytes each.
# The root has three partitions to ask about: one active with a VP, one that is not initialized, one that is deleted.
        .include "../rootlib.s"

        .equ    TABLE, 0x400000
        .equ    ANSWERS, 0x480000
        .equ    C_PAGE, 0x20000                 # the child's: hypercall page, input and output, IDT, what to ask, table, answers
        .equ    C_INPUT, 0x22000
        .equ    C_IDT, 0x24000
        .equ    C_IDS, 0x25000
        .equ    C_TABLE, 0x26000
        .equ    C_ANSWERS, 0x38000
        .record ROW
        .field  KIND, 4                         # 0 call, 1 RDMSR, 2 WRMSR, 3 CPUID
        .field  BYTES, 4                        # that follow, a multiple of 8
        .field  VALUE, 8                        # input value; number; leaf and sub-leaf
        .field  AT, 4                           # offset of the input list in its page, and of the output
        .field  OUTPUT, 4
        .field  DATA, 0
        .endrecord
        .equ    NAMED, 0xFEED0000               # high half of a word that stands for partition 0, 1 or 2 of the IDs

test:   ROOT_BEGINS
        CREATE
        mov     [rip + ids + 8], r15
        CREATE
        mov     [rip + ids + 16], r15
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_DELETE_PARTITION
        NEW_CHILD guest, guest_end, GIVEN
        mov     [rip + ids], r15
        .if     CALLER == 0
        ON      VECTOR_GP, refused
        mov     ebx, INPUT
        mov     ebp, CALL_PAGE
        lea     rdx, [rip + ids]
        mov     esi, TABLE
        mov     edi, ANSWERS
        call    ask
        .else
        mov     esi, TABLE
        mov     edi, CHILD + C_TABLE
        mov     ecx, C_ANSWERS - C_TABLE
        rep movsb
        lea     rsi, [rip + ids]
        mov     edi, CHILD + C_IDS
        mov     ecx, 3
        rep movsq
        WATCH_PORT 0x10
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        mov     esi, CHILD + C_ANSWERS
        mov     edi, ANSWERS
        mov     ecx, 0x8000
        rep movsb
        .endif
        PASS
refused:                                        # RDMSR, WRMSR: 2 bytes
        mov     qword ptr [rdi + FRAME_R15], 1
        add     qword ptr [rdi + FRAME_RIP], 2
        ret
        .align  8
ids:    .quad   0, 0, 0

guest:  CHILD_GATE C_IDT, VECTOR_GP, guest_refused
        CHILD_LOADS
        CHILD_CALLS C_PAGE
        mov     ebx, C_INPUT
        mov     ebp, C_PAGE
        mov     edx, C_IDS
        mov     esi, C_TABLE
        mov     edi, C_ANSWERS
        call    ask
        out     0x10, al
guest_stop:
        jmp     guest_stop
guest_refused:
        mov     r15d, 1
        add     qword ptr [rsp + 8], 2
        add     rsp, 8
        iretq
        CHILD_DESCRIPTORS C_IDT

# ask - Entry: rsi = table (a count, then rows), rdi = answers, rbx = input page, output after it, rbp = hypercall page, rdx = IDs.
ask:    mov     r12, rsi
        mov     r13, rdi
        mov     r11, rdx
        mov     r14, [r12]
        add     r12, 8
ask_row:
        xor     r15d, r15d
        mov     eax, [r12 + ROW_KIND]
        cmp     eax, 1
        jb      ask_call
        je      ask_read
        cmp     eax, 3
        jb      ask_write
        mov     eax, [r12 + ROW_VALUE]
        mov     ecx, [r12 + ROW_VALUE + 4]
        push    rbx
        cpuid
        mov     [r13 + 12], ebx
        pop     rbx
        mov     [r13 + 8], eax
        mov     [r13 + 16], ecx
        mov     [r13 + 20], edx
        jmp     ask_next
ask_read:
        mov     ecx, [r12 + ROW_VALUE]
        rdmsr
        mov     [r13 + 8], eax
        mov     [r13 + 12], edx
        jmp     ask_next
ask_write:
        mov     ecx, [r12 + ROW_VALUE]
        mov     eax, [r12 + ROW_DATA]
        mov     edx, [r12 + ROW_DATA + 4]
        wrmsr
ask_next:
        mov     [r13], r15
ask_more:
        mov     eax, [r12 + ROW_BYTES]
        lea     r12, [r12 + rax + ROW_DATA]
        add     r13, 32
        dec     r14
        jnz     ask_row
        ret
ask_call:
        mov     rdi, rbx
        mov     ecx, 1024
        xor     eax, eax
        rep stosq
        mov     edi, [r12 + ROW_AT]
        add     rdi, rbx
        lea     rsi, [r12 + ROW_DATA]
        mov     ecx, [r12 + ROW_BYTES]
        shr     ecx, 3
        jz      2f
1:      lodsq
        mov     rdx, rax
        shr     rdx, 32
        cmp     edx, NAMED
        jne     3f
        mov     eax, eax
        mov     rax, [r11 + rax*8]
3:      stosq
        dec     ecx
        jnz     1b
2:      mov     rcx, [r12 + ROW_VALUE]
        mov     edx, [r12 + ROW_AT]
        add     rdx, rbx
        mov     r8d, [r12 + ROW_OUTPUT]
        lea     r8, [rbx + r8 + 0x1000]
        push    r11
        call    rbp
        pop     r11
        mov     [r13], rax
        mov     rax, [rbx + 0x1000]
        mov     [r13 + 8], rax
        mov     rax, [rbx + 0x1008]
        mov     [r13 + 16], rax
        jmp     ask_more
guest_end:
        LIBRARY
