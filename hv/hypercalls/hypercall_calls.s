# hypercall_calls.s - TLB flushes, spin notification, IPIs.  Calling convention: calls, in hypercall_rows.s.
#
# Bits of masks that name VPs that do not exist are ignored.
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

# flush_flags - Entry: rsi = header, r10 = flags that are allowed.  Exit: eax = status, r10 = flags that are not.  Changes rdx.
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

# flush_header - The same, and the mask.  Entry: rsi = header, r10 = flags.  Exit: eax = status; r10 = mask of VPs.
# Changes rcx, rdx.
flush_header:
        call    flush_flags
        mov     r10, -1
        test    dword ptr [rsi + FLUSH_FLAGS], HVFLUSH_ALL_PROCESSORS
        jnz     1f
        test    eax, eax
        jnz     1f
        mov     r10, [rsi + FLUSH_MASK]
        mov     ecx, HVSTATUS_INVALID_PARAMETER
        test    r10, r10
        cmovz   eax, ecx
1:      ret

# call_flush_space - HvCallFlushVirtualAddressSpace.  Entry, Exit, Keeps: as a handler of calls.
call_flush_space:
        mov     r10, FLUSH_SPACE_FLAGS
        call    flush_header
# flush_space_go - The header is known.  Entry: eax = its status, r10 = mask of VPs, rbx = VP, rbp = partition.
# Exit: eax = status.  Changes rcx, rdx, rdi, rsi.
flush_space_go:
        test    eax, eax
        jnz     call_done
        xor     edx, edx
        call    flush_others
        bt      r10, rcx                        # and the caller
        jnc     call_done
        call    vpid_flush
        xor     eax, eax
call_done:
        ret

# One element: bits 11:0 more pages, the rest the first page.  Other VPs drop everything, once a list.
# Entry, Exit, Keeps: as a handler of calls.
call_flush_list:
        mov     r10, FLUSH_LIST_FLAGS
        push    rdx
        call    flush_header
        pop     rdx                             # the element's number
# flush_list_go - The header is known.  Entry: eax = its status, r10 = mask of VPs, edx = the element's number, r8 = element,
# rbx = VP, rbp = partition.  Exit: eax = status.  Changes rcx, rdx, rdi, rsi, r9.
flush_list_go:
        test    eax, eax
        jnz     call_done
        call    flush_others
        bt      r10, rcx
        jnc     call_done
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
# Entry, Exit, Keeps: as a handler of calls.
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
# ipi_header - Entry: rsi = header.  Exit: eax = status, edi = vector.  Changes nothing else.
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
# call_cluster_ipi - HvCallSendSyntheticClusterIpi.  Entry, Exit, Keeps: as a handler of calls.
call_cluster_ipi:
        call    ipi_header
        test    eax, eax
        jnz     call_done
        mov     r10, [rsi + IPI_MASK]

# ipi_send - Entry: edi = vector, r10 = mask of VPs, rbx = VP, rbp = partition.  Exit: eax = status 0.  Changes rcx, rdx, rsi.
ipi_send:
        mov     rsi, [rbp + PART_VP]
1:      mov     ecx, [rsi + VP_INDEX]
        bt      r10, rcx
        jnc     2f
        push    rdi
        call    request_vector
        pop     rdi
2:      mov     rsi, [rsi + VP_SIBLING]
        test    rsi, rsi
        jnz     1b
        xor     eax, eax
        ret
