# reset.s - a created partition begins again: its first VP at the reset vector, the others wait for a start-up IPI.
#
# Source  TLFS, "Partition Reset", "Reset MSR"; SDM 3A, "Processor State After Reset"

# partition_reset - Entry: rbx = VP that asks for it, rbp = its partition.  Exit: carry clear.  Changes all but rbx, rbp, r12-r15.
partition_reset:
        xor     eax, eax
        mov     [rbp + PART_OS_ID], rax
        mov     [rbp + PART_HYPERCALL], rax
        mov     [rbp + PART_REFERENCE_TSC], rax
        mov     [rbp + PART_TSC_MOVED], rax
        lea     rdi, [rbp + PART_CRASH]
        mov     ecx, 5
        rep stosq
        lea     rsi, [rbp + PART_CALL_PAGE]
        call    overlay_drop
        lea     rsi, [rbp + PART_TSC_PAGE]
        call    overlay_drop
        mov     rsi, [rbp + PART_VP]
1:      mov     eax, REQUEST_INIT
        cmp     dword ptr [rsi + VP_INDEX], 0
        jne     2f
        mov     eax, REQUEST_RESET
2:      call    request
        mov     rsi, [rsi + VP_SIBLING]
        test    rsi, rsi
        jnz     1b
        clc
        ret

# queues_clear - Messages that wait are gone.  Entry: rbx = VP, on its processor.  Exit: nothing.  Changes rax, r13, r15.
queues_clear:
        push    r12
        push    r13
        push    r15
        xor     r12d, r12d
        lea     r13, [rbx + VP_QUEUE]
1:      cmp     qword ptr [r13 + QUEUE_HEAD], 0
        je      2f
        call    message_take
        mov     dword ptr [r15 + NODE_BUSY], 0
        jmp     1b
2:      add     r13, QUEUE_BYTES
        inc     r12d
        cmp     r12d, SINTS_COUNT
        jb      1b
        pop     r15
        pop     r13
        pop     r12
        ret

# pages_clear - SIM, SIEF and assist page off, and empty.  Entry: rbx = VP of a created partition, rbp.  Exit: nothing.
# Changes rax, rcx, rdx, rdi, rsi, r8.
pages_clear:
        lea     rsi, [rbx + VP_SIM]
        call    page_clear
        lea     rsi, [rbx + VP_SIEF]
        call    page_clear
        lea     rsi, [rbx + VP_ASSIST]
# page_clear - One of them.  Entry: rsi = row, rbx = VP of a created partition, rbp.  Exit: nothing.  Changes rax, rcx, rdx, rdi.
page_clear:
        push    rsi
        call    overlay_drop
        pop     rsi
        mov     rdi, [rsi + OVERLAY_FRAME]
        mov     ecx, PAGE / 8
        xor     eax, eax
        test    rdi, rdi
        jz      1f                              # it never was on
        rep stosq
1:      ret
