# Expect: pass. Map, MapSparse and Unmap: rights, ranges, statuses; pages that are mapped cannot be deposited, and those deposited not be mapped.
        .include "rootlib.s"

        .equ    SPARE, 0xB00000                 # the root's, beside CHILD
        .macro  MAP_ONE gfn, flags, source
        call    clear_input
        mov     [INPUT], r15
        STORE   INPUT + 8, \gfn
        STORE   INPUT + 16, \flags
        STORE   INPUT + 24, \source
        CALL_HV HVCALL_MAP_PAGES | put(HVINPUT_COUNT, 1)
        .endm
        .macro  UNMAP gfn, count
        call    clear_input
        mov     [INPUT], r15
        STORE   INPUT + 8, \gfn
        mov     rcx, HVCALL_UNMAP_PAGES | put(HVINPUT_COUNT, \count)
        call    call_lists
        .endm
        .macro  READ_BACK gpa, code
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 12], 4
        STORE   INPUT + 16, \gpa
        STORE   INPUT + 24, 6
        OK      HVCALL_READ_GPA
        EQ      dword ptr [OUTPUT], \code
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end
        MAP_ONE 0x100, 2, SPARE >> 12           # write without read
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        MAP_ONE 0x100, 0x40000, SPARE >> 12     # no such flag
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        MAP_ONE 1 << 27, 3, SPARE >> 12         # beyond its space
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        MAP_ONE 0x100, 3, 0x1000                # beyond ours
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        MAP_ONE 0x100, 3, POOL >> 12            # deposited
        EQ      ax, HVSTATUS_OPERATION_DENIED
        mov     dword ptr [SPARE], 0x11
        mov     dword ptr [SPARE + 0x1000], 0x22
        MAP_ONE 0x100, 1, SPARE >> 12
        EQ      ax, 0
        READ_BACK 0x100000, 0
        EQ      dword ptr [OUTPUT + 8], 0x11
        mov     rdi, SELF_ID                    # mapped: cannot be deposited
        mov     esi, SPARE >> 12
        mov     edx, 1
        call    deposit
        EQ      eax, HVSTATUS_OPERATION_DENIED
        call    clear_input                     # read-only
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 12], 4
        STORE   INPUT + 16, 0x100000
        STORE   INPUT + 24, 6
        OK      HVCALL_WRITE_GPA
        EQ      dword ptr [OUTPUT], 3
        MAP_ONE 0x100, 3, (SPARE >> 12) + 1     # another page instead
        EQ      ax, 0
        READ_BACK 0x100000, 0
        EQ      dword ptr [OUTPUT + 8], 0x22
        MAP_ONE 0x101, 0, SPARE >> 12           # mapped without rights: read intercept, not unmapped
        EQ      ax, 0
        READ_BACK 0x101000, 2
        READ_BACK 0x102000, 1
        UNMAP   0x100, 3                        # the third was not mapped: no error
        EQ      eax, 0
        READ_BACK 0x100000, 1
        UNMAP   (1 << 27) - 1, 2
        EQ      eax, HVSTATUS_INVALID_PARAMETER
        mov     rdi, SELF_ID                    # free again
        mov     esi, SPARE >> 12
        mov     edx, 1
        call    deposit
        EQ      eax, 0

        call    clear_input                     # sparse: pairs; the second source is deposited
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 3
        STORE   INPUT + 16, 0x200
        STORE   INPUT + 24, (SPARE >> 12) + 1
        STORE   INPUT + 32, 0x300
        STORE   INPUT + 40, SPARE >> 12
        CALL_HV HVCALL_MAP_SPARSE | put(HVINPUT_COUNT, 2)
        mov     rcx, put(HVRESULT_DONE, 1) | HVSTATUS_OPERATION_DENIED
        EQ      rax, rcx
        READ_BACK 0x200000, 0
        EQ      dword ptr [OUTPUT + 8], 0x22
        MAP_ONE 0x400, 0x80000003, 0x801        # large pages are aligned
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        MAP_ONE 0x600, 0x80000003, 0xC00        # 2 MiB at once
        EQ      ax, 0
        mov     dword ptr [0xDFF000], 0x77
        READ_BACK 0x7FF000, 0
        EQ      dword ptr [OUTPUT + 8], 0x77
        call    clear_input
        mov     [INPUT], r15
        STORE   INPUT + 8, 0x600
        STORE   INPUT + 16, 2
        mov     rcx, HVCALL_UNMAP_PAGES | put(HVINPUT_COUNT, 1)
        call    call_lists
        EQ      eax, 0
        READ_BACK 0x7FF000, 1

        SET     HVREG_EXPLICIT_SUSPEND, 0       # a page goes while the child writes to it
        mov     r14d, 100
1:      CALL_FAST HVCALL_SPIN_WAIT, 1
        cmp     dword ptr [CHILD + 0x30000], 10
        ja      2f
        dec     r14d
        jnz     1b
        FAIL    0x7FF0
2:      UNMAP   0x30, 1
        EQ      eax, 0
        mov     eax, [CHILD + 0x30000]          # from now on nobody writes there
        mov     ebx, eax
        WAIT_MESSAGE HVMESSAGE_UNMAPPED_GPA
        EQ      [CHILD + 0x30000], ebx
        EQ      qword ptr [SLOT0 + SLOTS_DATA + 56], 0x30000
        DONE_MESSAGE
        END_CHILD
        PASS
guest:  inc     dword ptr [0x30000]
        jmp     guest
guest_end:
        LIBRARY
