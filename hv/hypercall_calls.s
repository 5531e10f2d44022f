# hypercall_calls.s - TLB flushes, spin notification, IPI and messages.  Calling convention: hypercall.s.
#
# A partition has one VP: index 0, bit 0 of every mask; other bits name VPs that do not exist and are ignored.
# Source  TLFS, "Hypercall Reference"

        .record FLUSH
        .field  SPACE, 8
        .field  FLAGS, 8
        .field  MASK, 8
        .field  LIST, 0
        .endrecord
        .equ    PHYSICAL_LIMIT_SHIFT, 52
        .equ    FLUSH_MOST, 16                  # pages dropped one by one; more: everything
        .equ    FLUSH_LIST_FLAGS, HVFLUSH_ALL_PROCESSORS | HVFLUSH_ALL_SPACES
        .equ    FLUSH_SPACE_FLAGS, FLUSH_LIST_FLAGS | HVFLUSH_NONGLOBAL

# flush_flags - Entry: rsi = header, r10 = flags that are allowed.  Exit: eax = status.  Changes rdx.
flush_flags:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     rdx, [rsi + FLUSH_FLAGS]
        not     r10
        test    rdx, r10
        jnz     2f
        test    edx, HVFLUSH_ALL_SPACES
        jnz     1f
        mov     rdx, [rsi + FLUSH_SPACE]
        shr     rdx, PHYSICAL_LIMIT_SHIFT
        jnz     2f
1:      xor     eax, eax
2:      ret

# flush_header - The same, and the mask.  Exit: eax = status; carry set when VP 0 is not meant.
flush_header:
        call    flush_flags
        test    eax, eax
        jnz     1f
        test    dword ptr [rsi + FLUSH_FLAGS], HVFLUSH_ALL_PROCESSORS
        jnz     1f
        mov     rdx, [rsi + FLUSH_MASK]
        mov     eax, HVSTATUS_INVALID_PARAMETER
        test    rdx, rdx
        jz      1f
        xor     eax, eax
        test    dl, 1
        jnz     1f
        stc
        ret
1:      clc
        ret

call_flush_space:
        mov     r10, FLUSH_SPACE_FLAGS
        call    flush_header
flush_space_go:
        jc      call_done
        test    eax, eax
        jnz     call_done
        call    vpid_flush
        xor     eax, eax
call_done:
        ret

# One element: bits 11:0 more pages, the rest the first page.
call_flush_list:
        mov     r10, FLUSH_LIST_FLAGS
        call    flush_header
flush_list_go:
        jc      call_done
        test    eax, eax
        jnz     call_done
        mov     rdi, [r8]
        mov     r9d, edi
        and     r9d, PAGE - 1
        and     rdi, -PAGE
        cmp     r9d, FLUSH_MOST
        jb      1f
        call    vpid_flush
        xor     eax, eax
        ret
1:      mov     rax, rdi
        sar     rax, LINEAR_BITS - 1            # canonical as INVVPID checks it: all zeros or all ones
        inc     rax
        cmp     rax, 1
        ja      2f                              # out of range: ignored
        mov     eax, INVVPID_TYPE_ADDRESS
        call    vpid_invalidate
2:      add     rdi, PAGE
        sub     r9d, 1
        jnc     1b
        xor     eax, eax
        ret

# call_spin_wait - The rest of the slice goes to the others.
call_spin_wait:
        WORK    WORK_YIELD
        xor     eax, eax
        ret

        .record IPI
        .field  VECTOR, 4
        .field  VTL, 1
        .field  RESERVED, 3
        .field  MASK, 8
        .endrecord
# ipi_header - Entry: rsi = header.  Exit: eax = status, edi = vector.
ipi_header:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     edi, [rsi + IPI_VECTOR]
        cmp     edi, VECTOR_LEAST
        jb      call_done
        cmp     edi, 255
        ja      call_done
        cmp     dword ptr [rsi + IPI_VTL], 0    # VTL 0, and what is reserved
        jne     call_done
        xor     eax, eax
        ret
call_cluster_ipi:
        call    ipi_header
        test    eax, eax
        jnz     call_done
        test    byte ptr [rsi + IPI_MASK], 1
        jz      1f
        call    apic_raise
1:      xor     eax, eax
        ret

        .record POST
        .field  CONNECTION, 4
        .field  RESERVED, 4
        .field  TYPE, 4
        .field  LENGTH, 4
        .field  PAYLOAD, 240
        .endrecord
# call_post_message - A line on the hypervisor's console, with the partition's name in front.
call_post_message:
        mov     eax, HVSTATUS_INVALID_CONNECTION_ID
        cmp     dword ptr [rsi + POST_CONNECTION], CONSOLE_CONNECTION
        jne     call_done
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     edx, [rsi + POST_TYPE]
        dec     edx                             # 0 becomes negative, too
        js      call_done
        cmp     dword ptr [rsi + POST_LENGTH], 240
        ja      call_done
        push    r12
        push    r13
        mov     r12d, [rsi + POST_LENGTH]
        lea     r13, [rsi + POST_PAYLOAD]
        call    line_begin
        call    say_partition
1:      sub     r12d, 1
        jc      3f
        mov     al, [r13]
        inc     r13
        call    putc_safe
        jmp     1b
3:      call    line_end
        pop     r13
        pop     r12
        xor     eax, eax
        ret

# call_signal_event - No connection of events exists.
call_signal_event:
        mov     eax, HVSTATUS_INVALID_CONNECTION_ID
        ret
