# Expect: pass. The register page of a child's VP shows what it stopped with; what the root changes there is the VP's when it goes on.
        .include "rootlib.s"

        .equ    SEEN, 0x30000000                # where the root has the page: no memory is there
        .equ    GPR, SEEN + 8
        .equ    VALUE, 0x1122334455667788
        .macro  STATE_CALL vp, type, flags, gfn
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], \vp
        mov     word ptr [INPUT + 12], \type
        mov     byte ptr [INPUT + 15], \flags
        STORE   INPUT + 16, \gfn
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end
        WATCH_PORT 0x3F8
        STATE_CALL 9, 0, 1, SEEN >> 12
        STATUS  HVCALL_MAP_STATE_PAGE, HVSTATUS_INVALID_VP_INDEX
        STATE_CALL 0, 5, 1, SEEN >> 12
        STATUS  HVCALL_MAP_STATE_PAGE, HVSTATUS_INVALID_PARAMETER
        STATE_CALL 0, 0, 2, SEEN >> 12
        STATUS  HVCALL_MAP_STATE_PAGE, HVSTATUS_INVALID_PARAMETER
        STATE_CALL 0, 0, 1, 1 << 40
        STATUS  HVCALL_MAP_STATE_PAGE, HVSTATUS_INVALID_PARAMETER
        STATUS  HVCALL_UNMAP_STATE_PAGE, HVSTATUS_INVALID_PARAMETER
        STATE_CALL 0, 0, 1, SEEN >> 12
        OK      HVCALL_MAP_STATE_PAGE
        EQ      qword ptr [OUTPUT], SEEN >> 12
        STATUS  HVCALL_MAP_STATE_PAGE, HVSTATUS_OBJECT_IN_USE
        EQ      byte ptr [SEEN + 2], 0          # nothing to see yet
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # OUT
        DONE_MESSAGE
        EQ      word ptr [SEEN], 1              # version
        EQ      byte ptr [SEEN + 2], 1          # valid
        EQ      dword ptr [SEEN + 4], 0
        EQ      qword ptr [GPR], 'A'
        EQ      qword ptr [GPR + 2 * 8], 0x3F8  # RDX
        mov     rax, VALUE
        EQ      [GPR + 15 * 8], rax
        EQ      [SEEN + 160 + 2 * 16 + 8], rax  # XMM2, high
        EQ      qword ptr [SEEN + 136], CHILD_CODE + guest_out - guest
        EQ      qword ptr [GPR + 4 * 8], CHILD_STACK
        GET     HVREG_RFLAGS
        EQ      [SEEN + 144], rax
        GET     HVREG_ES + 1
        EQ      [SEEN + 256 + 16], rax          # CS
        EQ      [SEEN + 256 + 24], rdx
        GET     HVREG_CR0
        EQ      [SEEN + 352], rax
        GET     HVREG_CR3
        EQ      [SEEN + 360], rax
        GET     HVREG_CR4
        EQ      [SEEN + 368], rax
        GET     HVREG_EFER
        EQ      [SEEN + 384], rax
        GET     HVREG_DR7
        EQ      [SEEN + 392], rax
        EQ      qword ptr [SEEN + 400], 0       # no event waits
        mov     qword ptr [GPR], 0x77           # not marked: not taken
        mov     rax, [SEEN + 136]
        inc     rax                             # past the OUT
        mov     [SEEN + 136], rax
        mov     dword ptr [SEEN + 4], 2
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # the same RAX in a second OUT
        DONE_MESSAGE
        EQ      qword ptr [GPR], 'A'
        mov     qword ptr [SEEN + 144], 1 << 30 # flags that cannot be
        shl     qword ptr [SEEN + 144], 10
        mov     dword ptr [SEEN + 4], 16
        mov     esi, HVREG_INTERCEPT_SUSPEND
        xor     edx, edx
        call    set_register
        EQ      ax, HVSTATUS_INVALID_REGISTER_VALUE
        GET     HVREG_INTERCEPT_SUSPEND
        EQ      rax, 1
        mov     qword ptr [SEEN + 144], RFLAGS_ONE | RFLAGS_CF
        mov     qword ptr [GPR], 0x1234
        mov     qword ptr [GPR + 15 * 8], 5
        mov     qword ptr [SEEN + 160 + 16], 6  # XMM1
        inc     qword ptr [SEEN + 136]
        mov     dword ptr [SEEN + 4], 1 | 2 | 4 | 8 | 16
        RESUME
        EQ      dword ptr [SEEN + 4], 0
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # its verdict
        DONE_MESSAGE
        EQ      byte ptr [GPR], 1
        STATE_CALL 0, 0, 0, 0
        OK      HVCALL_UNMAP_STATE_PAGE
        STATE_CALL 0, 0, 0, 0                   # where the hypervisor likes
        OK      HVCALL_MAP_STATE_PAGE
        ABOVE   qword ptr [OUTPUT], 0xFFFFF
        STATE_CALL 0, 0, 0, 0
        OK      HVCALL_UNMAP_STATE_PAGE
        STATE_CALL 0, 0, 1, SEEN >> 12
        OK      HVCALL_MAP_STATE_PAGE
        EQ      byte ptr [SEEN + 2], 0
        END_CHILD                               # it goes with the VP: all pages come back
        EQ      word ptr [SEEN], 0xFFFF         # no memory is there
        PASS

guest:  mov     r15, VALUE
        movq    xmm2, r15
        pslldq  xmm2, 8
        pxor    xmm1, xmm1
        mov     edx, 0x3F8
        mov     eax, 'A'
guest_out:
        out     dx, al
        out     dx, al
        setc    cl
        xor     ebx, ebx
        cmp     rax, 0x1234
        jne     1f
        cmp     r15, 5
        jne     1f
        movq    rax, xmm1
        cmp     rax, 6
        jne     1f
        movzx   ebx, cl                         # the carry was set
1:      mov     eax, ebx
        out     dx, al
2:      jmp     2b
guest_end:
        LIBRARY
