# hypercall_sets.s - sets of VPs, and the calls that take one: the Ex forms of flushes and cluster IPIs.
#
# A partition has one VP: index 0, bit 0 of bank 0; other bits name VPs that do not exist and are ignored.
# Source  TLFS, "HV_VP_SET", "HvCallFlushVirtualAddressSpaceEx", "HvCallSendSyntheticClusterIpiEx"

        .record SET
        .field  FORMAT, 8                       # 0: banks of 64, 1: every VP
        .field  BANKS, 8                        # which banks follow
        .field  FIRST, 0
        .endrecord

# call_set - Is VP 0 in a set?  Entry: rdi = set, ecx = quadwords of variable header.
# Exit: eax = status; carry set when it is HVSTATUS_SUCCESS and the VP is not meant.  Changes rdx.
call_set:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     rdx, [rdi + SET_FORMAT]
        cmp     rdx, 1
        ja      2f
        je      1f
        mov     eax, HVSTATUS_INVALID_HYPERCALL_INPUT
        mov     rdx, [rdi + SET_BANKS]
        popcnt  r10, rdx
        cmp     r10, rcx
        jne     2f
        xor     eax, eax
        test    dl, 1                           # its bank, then its bit
        jz      3f
        test    byte ptr [rdi + SET_FIRST], 1
        jz      3f
        ret
1:      xor     eax, eax
2:      clc
        ret
3:      stc
        ret

# flush_header_ex - As flush_header, of an Ex call.
flush_header_ex:
        call    flush_flags
        test    eax, eax
        jnz     1f
        test    dword ptr [rsi + FLUSH_FLAGS], HVFLUSH_ALL_PROCESSORS
        jnz     1f
        lea     rdi, [rsi + FLUSH_MASK]
        jmp     call_set
1:      clc
        ret

call_flush_space_ex:
        mov     r10, FLUSH_SPACE_FLAGS
        call    flush_header_ex
        jmp     flush_space_go
call_flush_list_ex:
        mov     r10, FLUSH_LIST_FLAGS
        call    flush_header_ex
        jmp     flush_list_go

        .record IPI_EX
        .field  VECTOR, 4
        .field  VTL, 4
        .field  SET, 0
        .endrecord
call_cluster_ipi_ex:
        call    ipi_header
        test    eax, eax
        jnz     1f
        mov     r11d, edi
        lea     rdi, [rsi + IPI_EX_SET]
        call    call_set
        jc      1f
        test    eax, eax
        jnz     1f
        mov     edi, r11d
        call    apic_raise
        xor     eax, eax
1:      ret
