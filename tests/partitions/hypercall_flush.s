# Expect: pass. Address-space flushes check their flags and masks, and drop translations that have become stale.
        .include "hvlib.s"

        .equ    EVERY, HVFLUSH_ALL_PROCESSORS | HVFLUSH_ALL_SPACES
        .macro  FLUSH flags, mask
        STORE   INPUT, 0
        STORE   INPUT + 8, \flags
        STORE   INPUT + 16, \mask
        .endm
test:   ENLIGHTEN
        mov     qword ptr [FREE + 0x4000], 4
        mov     qword ptr [FREE + 0x5000], 5
        MAP     3, FREE + 0x4000 + 3
        mov     rbx, WINDOW + 0x3000
        EQ      dword ptr [rbx], 4
        STORE   WINDOW_PT + 24, FREE + 0x5000 + 3       # no INVLPG
        FLUSH   EVERY, 0
        CALL_HV HVCALL_FLUSH_SPACE
        EQ      rax, 0
        EQ      dword ptr [rbx], 5
        STORE   WINDOW_PT + 24, FREE + 0x4000 + 3
        FLUSH   HVFLUSH_ALL_SPACES, 1
        STORE   INPUT + 24, WINDOW + 0x3000
        STORE   INPUT + 32, WINDOW + 0x8000 + 2
        CALL_HV HVCALL_FLUSH_LIST | put(HVINPUT_COUNT, 2)
        mov     rcx, put(HVRESULT_DONE, 2)
        EQ      rax, rcx
        EQ      dword ptr [rbx], 4
        FLUSH   HVFLUSH_ALL_SPACES, 0           # no processor
        CALL_HV HVCALL_FLUSH_SPACE
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        FLUSH   EVERY | 0x100, 0
        CALL_HV HVCALL_FLUSH_SPACE
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        FLUSH   EVERY | HVFLUSH_NONGLOBAL, 0      # not for lists
        CALL_HV HVCALL_FLUSH_LIST | put(HVINPUT_COUNT, 1)
        EQ      rax, HVSTATUS_INVALID_PARAMETER
        PASS
