# Expect: pass. POPF changes IF only with CPL <= IOPL and IOPL only in ring 0; CLI and STI need CPL <= IOPL.
        .include "lib.s"

test:   RING3
        pushfq
        or      qword ptr [rsp], RFLAGS_IF | RFLAGS_IOPL
        popfq                                   # silently without IF and IOPL
        pushfq
        pop     rax
        NOBITS  eax, RFLAGS_IF | RFLAGS_IOPL
        EXPECT  VECTOR_GP
        sti
        CAUGHT
        EXPECT  VECTOR_GP
        cli
        CAUGHT
        RING0
        pushfq
        or      qword ptr [rsp], RFLAGS_IOPL
        popfq
        pushfq
        pop     rax
        and     eax, RFLAGS_IOPL
        EQ      eax, RFLAGS_IOPL
        RING3                                   # IRETQ carries IOPL over
        cli
        pushfq
        and     qword ptr [rsp], ~RFLAGS_IOPL
        popfq                                   # ring 3 cannot lower IOPL either
        pushfq
        pop     rax
        BITS    eax, RFLAGS_IOPL
        RING0
        PASS
