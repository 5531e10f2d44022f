# hypercall_sets.s - sets of VPs, and the calls that take one: the Ex forms of flushes and cluster IPIs.
#
# Partitions have at most 64 VPs: those of bank 0.  Other bits name VPs that do not exist and are ignored.
# Source  TLFS, "HV_VP_SET", "HvCallFlushVirtualAddressSpaceEx", "HvCallSendSyntheticClusterIpiEx"

        .record SET
        .field  FORMAT, 8                       # 0: banks of 64, 1: every VP
        .field  BANKS, 8                        # which banks follow
        .field  FIRST, 0
        .endrecord

# call_set - Entry: rdi = set, ecx = quadwords of variable header.  Exit: eax = status, r10 = mask of VPs 0 to 63.
# Changes rdx, r11.
call_set:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     rdx, [rdi + SET_FORMAT]
        cmp     rdx, 1
        ja      1f
        mov     r10, -1
        mov     eax, HVSTATUS_SUCCESS
        je      1f
        mov     eax, HVSTATUS_INVALID_HYPERCALL_INPUT
        mov     rdx, [rdi + SET_BANKS]
        popcnt  r11, rdx
        cmp     r11d, ecx
        jne     1f
        xor     eax, eax
        xor     r10d, r10d
        test    dl, 1
        jz      1f
        mov     r10, [rdi + SET_FIRST]
1:      ret

# flush_header_ex - As flush_header, of an Ex call.  Entry: rsi = header, ecx = quadwords of variable header, r10 = flags.
# Exit: eax = status; r10 = mask of VPs.  Changes rdx, rdi, r11.
flush_header_ex:
        call    flush_flags
        test    eax, eax
        jnz     1f
        mov     r10, -1
        test    dword ptr [rsi + FLUSH_FLAGS], HVFLUSH_ALL_PROCESSORS
        jnz     1f
        lea     rdi, [rsi + FLUSH_MASK]
        jmp     call_set
1:      ret

# call_flush_space_ex - HvCallFlushVirtualAddressSpaceEx.  Entry, Exit, Keeps: as a handler of calls.
call_flush_space_ex:
        mov     r10, FLUSH_SPACE_FLAGS
        call    flush_header_ex
        jmp     flush_space_go
# call_flush_list_ex - HvCallFlushVirtualAddressListEx.  Entry, Exit, Keeps: as a handler of calls.
call_flush_list_ex:
        mov     r10, FLUSH_LIST_FLAGS
        push    rdx
        call    flush_header_ex
        pop     rdx
        jmp     flush_list_go

        .record IPI_EX
        .field  VECTOR, 4
        .field  VTL, 4
        .field  SET, 0
        .endrecord
# call_cluster_ipi_ex - HvCallSendSyntheticClusterIpiEx.  Entry, Exit, Keeps: as a handler of calls.
call_cluster_ipi_ex:
        call    ipi_header
        test    eax, eax
        jnz     1f
        push    rdi
        lea     rdi, [rsi + IPI_EX_SET]
        call    call_set
        pop     rdi
        test    eax, eax
        jz      ipi_send
1:      ret
