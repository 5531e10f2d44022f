# Expect: pass. IRETQ checks NT, CS and SS, and reports faults on itself with the selector as error code.
        .include "lib.s"

        .macro  RETURN cs, rip, ss=DATA
        mov     rbx, rsp
        push    \ss
        push    rbx
        pushfq
        push    \cs
        mov     rax, \rip
        push    rax
        .endm
test:   RETURN  CODE64, .same
        iretq
        FAIL    50
.same:  EQ      rsp, rbx
        RETURN  0, .same
        EXPECT  VECTOR_GP, 0                    # null CS
        iretq
        CAUGHT
        mov     rsp, rbx
        RETURN  DATA, .same
        EXPECT  VECTOR_GP, DATA                 # not code
        iretq
        CAUGHT
        mov     rsp, rbx
        RETURN  0x88, .same
        EXPECT  VECTOR_GP, 0x88                 # beyond the GDT
        iretq
        CAUGHT
        mov     rsp, rbx
        RETURN  USER_CODE64, .same, DATA
        EXPECT  VECTOR_GP, DATA                 # SS with DPL 0 for ring 3
        iretq
        CAUGHT
        mov     rsp, rbx
        RETURN  USER_CODE64, .same, 0
        EXPECT  VECTOR_GP, 0                    # null SS for ring 3
        iretq
        CAUGHT
        mov     rsp, rbx
        RETURN  CODE64, .null, 0
        iretq                                   # ring 0: SS may be null
.null:  mov     eax, DATA
        mov     ss, eax
        RETURN  CODE64, .same
        pushfq
        or      qword ptr [rsp], RFLAGS_NT
        popfq
        EXPECT  VECTOR_GP, 0                    # NT = 1 in 64-bit mode
        iretq
        CAUGHT
        mov     rsp, rbx
        PASS
