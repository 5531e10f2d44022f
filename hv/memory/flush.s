# flush.s - what processors remember of a partition's memory after a change of its tables.
#
# Every change has a number; a VP that has not seen the latest drops its translations before it is entered.
# Source  SDM 3C, "Caching Translation Information", "INVEPT"; TLFS, "HvCallUnmapGpaPages"

# partition_flush - The tables have changed.  Entry: rbp = partition, rbx = VP this processor is about.  Exit: nothing.
# Changes rax, rcx, rdx, rsi.
partition_flush:
        lock inc qword ptr [rbp + PART_FLUSHES]
        mov     rsi, [rbp + PART_VP]
1:      test    rsi, rsi
        jz      4f
        cmp     rsi, rbx
        jne     2f
        call    vp_flush
        jmp     3f
2:      mov     rdx, [rsi + VP_PROCESSOR]
        cmp     rsi, [rdx + CPU_CURRENT]
        jne     3f                              # it will see the number when it is chosen
        mov     eax, REQUEST_FLUSH
        call    request
3:      mov     rsi, [rsi + VP_SIBLING]
        jmp     1b
4:      ret

# vp_flush - Drop the translations of a VP's partition on this processor, if there is something new.  Entry: rbx = VP.
# Exit: nothing.  Changes rax.
vp_flush:
        push    rbp
        mov     rbp, [rbx + VP_PARTITION]
        mov     rax, [rbp + PART_FLUSHES]
        cmp     rax, [rbx + VP_FLUSHED]
        je      1f
        mov     [rbx + VP_FLUSHED], rax
        call    ept_flush
1:      pop     rbp
        ret

# flush_waits - Does a VP of a partition still run with what is gone?  Entry: r10 = partition.  Exit: carry.  Changes rcx, rdx, rsi.
flush_waits:
        mov     rsi, [r10 + PART_VP]
1:      test    rsi, rsi
        jz      3f
        mov     rdx, [rsi + VP_PROCESSOR]
        cmp     rdx, gs:[CPU_SELF]
        je      2f
        cmp     rsi, [rdx + CPU_CURRENT]
        jne     2f
        cmp     dword ptr [rsi + VP_STATE], VP_RUNNABLE
        jne     2f
        mov     rcx, [rsi + VP_FLUSHED]
        cmp     rcx, [r10 + PART_FLUSHES]
        jne     4f
2:      mov     rsi, [rsi + VP_SIBLING]
        jmp     1b
3:      clc
        ret
4:      stc
        ret

# flush_others - Other VPs of the caller's partition drop their translations, and have done so when this returns.
# Entry: r10 = mask of VPs, edx = element of a list, rbx = VP, rbp = partition.  Exit: eax = 0, ecx = the caller's index.
# While it waits it serves what others want of this VP, so that two that flush each other go on.  Changes rdx, rsi.
flush_others:
        test    edx, edx
        jnz     4f                              # done with the first
        mov     rsi, [rbp + PART_VP]
        cmp     qword ptr [rsi + VP_SIBLING], 0
        je      4f                              # there are none
        lock inc qword ptr [rbp + PART_FLUSHES]
1:      cmp     rsi, rbx
        je      2f
        mov     ecx, [rsi + VP_INDEX]
        bt      r10, rcx
        jnc     2f
        mov     eax, REQUEST_FLUSH
        call    request
2:      mov     rsi, [rsi + VP_SIBLING]
        test    rsi, rsi
        jnz     1b
3:      push    r10
        mov     r10, rbp
        call    vp_flush
        call    flush_waits
        pop     r10
        jnc     4f
        pause
        jmp     3b
4:      mov     ecx, [rbx + VP_INDEX]
        xor     eax, eax
        ret
