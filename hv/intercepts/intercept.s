# intercept.s - what a created partition does that its parent asked to see: the VP is suspended, the parent gets a message.
#
# The message is queued when the VP has left its processor, to SINT 0 of the parent's first VP.  The parent changes registers
# and clears InterceptSuspend.
# Source  TLFS, "Intercepts", "HvCallInstallIntercept", "Intercept Message Formats"

        .record INSTALL
        .field  PARTITION, 8
        .field  ACCESS, 4
        .field  TYPE, 4
        .field  PARAMETER, 8
        .endrecord
        .equ    ACCESS_BOTH, 3                  # read and write
        .equ    ACCESS_EXECUTE, 4

# call_install_intercept - HvCallInstallIntercept.  Entry, Exit, Keeps: as a handler of calls.
call_install_intercept:
        call    map_target
        jc      2f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     ecx, [rsi + INSTALL_TYPE]
        mov     edx, [rsi + INSTALL_ACCESS]     # 0 removes
        mov     rdi, [rsi + INSTALL_PARAMETER]
        cmp     ecx, INTERCEPT_TYPES
        jae     2f
        lea     r8, [rel intercept_types]
        lea     r8, [r8 + rcx*8]
        test    edx, edx
        jz      1f
        movzx   ecx, byte ptr [r8 + 4]
        cmp     edx, ecx
        jne     2f
1:      mov     ecx, [r8]
        and     ecx, 0xFFFFFF
        jz      2f
        lea     r8, [rel intercept_types]
        add     rcx, r8
        jmp     rcx
2:      ret

# A row: offset of the routine, and the access mask that the type wants.
        .macro  TYPEROW routine, mask
        .long   \routine - intercept_types, \mask
        .endm
        .balign 8
        .equ    INTERCEPT_TYPES, 0x12
# intercept_types - Rows by type.  An installer: Entry: rdi = parameter, edx = access (0: remove), r10 = partition,
# eax = INVALID_PARAMETER.  Exit: eax = status.  Changes rcx, rdi, r8, r9, r11.
intercept_types:
        TYPEROW install_port, ACCESS_BOTH
        TYPEROW install_msr, ACCESS_BOTH
        TYPEROW install_cpuid, ACCESS_EXECUTE
        TYPEROW install_exception, ACCESS_EXECUTE
        .fill   INTERCEPT_TYPES - 5, 8, 0
        TYPEROW install_ports, ACCESS_BOTH

# install_ports - First port in bits 15:0, last one in 31:16.  Entry, Exit, Changes: as an installer of intercept_types.
install_ports:
        movzx   ecx, di
        shr     rdi, 16
        cmp     rdi, rcx
        jb      install_port.done
        jmp     install_port.range
# install_port - One port.  Entry, Exit, Changes: as an installer of intercept_types.
install_port:
        mov     rcx, rdi
.range: cmp     rdi, 0xFFFF
        ja      .done
2:      call    port_word                       # r8 = page, ecx = port
        mov     r9d, ecx
        and     r9d, 0x7FFF
        bts     dword ptr [r8], r9d
        test    edx, edx
        jnz     4f
        btr     dword ptr [r8], r9d
4:      inc     ecx
        cmp     ecx, edi
        jbe     2b
        xor     eax, eax
.done:  ret
# install_msr - All MSRs that we do not know.  Entry, Exit, Changes: as an installer of intercept_types.
install_msr:
        mov     [r10 + PART_MSRS], edx
        xor     eax, eax
        ret
# install_exception - An exception, by its vector.  Entry, Exit, Changes: as an installer of intercept_types.
install_exception:
        cmp     rdi, 31
        ja      install_port.done
        cmp     edi, VECTOR_NMI
        je      install_port.done
        bts     dword ptr [r10 + PART_EXCEPTIONS], edi
        test    edx, edx
        jnz     5f
        btr     dword ptr [r10 + PART_EXCEPTIONS], edi
5:      xor     eax, eax
        ret
# install_cpuid - A leaf of CPUID.  Entry, Exit, Changes: as an installer of intercept_types.
install_cpuid:
        mov     ecx, [r10 + PART_CPUID_COUNT]
        lea     r8, [r10 + PART_CPUIDS]
6:      test    ecx, ecx
        jz      7f
        dec     ecx
        cmp     [r8 + rcx*4], edi
        jne     6b
        test    edx, edx
        jnz     9f                              # there already
        dec     dword ptr [r10 + PART_CPUID_COUNT]      # the last takes its place
        mov     eax, [r10 + PART_CPUID_COUNT]
        mov     eax, [r8 + rax*4]
        mov     [r8 + rcx*4], eax
9:      xor     eax, eax
        ret
7:      test    edx, edx
        jz      9b
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        mov     ecx, [r10 + PART_CPUID_COUNT]
        cmp     ecx, CPUID_MOST
        jae     install_port.done
        mov     [r8 + rcx*4], edi
        inc     dword ptr [r10 + PART_CPUID_COUNT]
        mov     r11, [r10 + PART_VP]            # no leaf is answered in the hot path any more
        lea     rax, [rel cpuid_none]
8:      test    r11, r11
        jz      9b
        mov     [r11 + VP_CPUID], rax
        mov     r11, [r11 + VP_SIBLING]
        jmp     8b

# port_word - Entry: ecx = port, r10 = partition.  Exit: r8 = page of its half of the bitmap.  Changes nothing else.
port_word:
        mov     r8, [r10 + PART_PORTS_LOW]
        test    ecx, 0x8000
        jz      1f
        mov     r8, [r10 + PART_PORTS_HIGH]
1:      ret

# intercept_port - Does the parent want a port?  Entry: edi = port, rbp = partition.  Exit: carry set when it does.
# Changes rax, rcx, r8, r10.
intercept_port:
        mov     r10, rbp
        mov     ecx, edi
        call    port_word
        and     ecx, 0x7FFF
        bt      dword ptr [r8], ecx
        ret

# intercept_cpuid - Does it want a leaf?  Entry: eax = leaf, rbp = partition.  Exit: zero flag set when it does.  Changes rcx.
intercept_cpuid:
        mov     ecx, [rbp + PART_CPUID_COUNT]
1:      sub     ecx, 1
        jc      2f
        cmp     [rbp + rcx*4 + PART_CPUIDS], eax
        jne     1b
        ret
2:      test    rsp, rsp                        # zero flag clear
        ret
