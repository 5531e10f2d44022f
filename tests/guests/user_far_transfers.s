# Expect: pass. IRET, far RET and far CALL at CPL 3 reach the stack as the user does, descriptor tables as the supervisor, SMAP or not.
        .include "lib.s"

        .equ    US_READ, PFEC_P | PFEC_US
        .equ    US_WRITE, PFEC_P | PFEC_US | PFEC_WR
        .equ    KERNEL_STACK, FREE + 0x800      # on a supervisor page

test:   mov     rax, cr4
        and     rax, ~CR4_SMAP
        mov     cr4, rax
        call    everything
        mov     rax, cr4
        or      rax, CR4_SMAP
        mov     cr4, rax
        clac
        call    everything
        PASS

everything:
        lea     rdx, [rip + gated]              # a call gate for ring 3
        mov     [rip + scratch_descriptors], dx
        mov     word ptr [rip + scratch_descriptors + 2], CODE64
        mov     word ptr [rip + scratch_descriptors + 4], 0xEC00
        shr     rdx, 16
        mov     [rip + scratch_descriptors + 6], dx
        shr     rdx, 16
        mov     [rip + scratch_descriptors + 8], rdx
        MAP     0, 0
        mov     edi, KERNEL_STACK - 0x40        # what a return there would find
        mov     ecx, 16
        mov     rax, USER + wrong
        rep stosq
        mov     qword ptr [KERNEL_STACK + 8], USER_CODE64
        mov     qword ptr [KERNEL_STACK + 16], RFLAGS_ONE
        mov     qword ptr [KERNEL_STACK + 24], USER + STACK3
        mov     qword ptr [KERNEL_STACK + 32], USER_DATA

        RING3
        mov     rbx, rsp
        push    USER_DATA                       # to the same level
        push    rbx
        pushfq
        push    USER_CODE64
        lea     rax, [rip + .returned]
        push    rax
        iretq
.returned:
        EQ      rsp, rbx
        push    USER_CODE64
        lea     rax, [rip + .far]
        push    rax
        retfq
.far:   EQ      rsp, rbx
        lcall   fword ptr [rip + to_user]
        EQ      rsp, rbx
        EQ      eax, 0x55
        push    USER_CODE32                     # from compatibility mode
        lea     rax, [rip + compat]
        push    rax
        retfq
        .code32
compat: mov     ebp, esp
        push    USER_CODE32
        push    offset USER + .ret32
        retf
.ret32: pushfd
        push    USER_CODE32
        push    offset USER + .iret32
        iretd
.iret32: cmp    esp, ebp
        jne     wrong32
        ljmp    USER_CODE64, USER + back
wrong32: ud2
        .code64
back:   EQ      rsp, rbx
        mov     esp, KERNEL_STACK               # a stack that the user may not reach
        EXPECT  VECTOR_PF, US_READ
        iretq
        CAUGHT
        EXPECT  VECTOR_PF, US_READ
        retfq
        CAUGHT
        EXPECT  VECTOR_PF, US_WRITE
        lcall   fword ptr [rip + to_user]
        CAUGHT
        mov     rax, KERNEL_STACK - 4
        EQ      [rip + fault_address], rax
        mov     esp, WINDOW + 0x800             # one that is not there
        EXPECT  VECTOR_PF, PFEC_US
        iretq
        CAUGHT
        EXPECT  VECTOR_PF, PFEC_US
        retfq
        CAUGHT
        EXPECT  VECTOR_PF, PFEC_US | PFEC_WR
        lcall   fword ptr [rip + to_user]
        CAUGHT
        lcall   fword ptr [rip + to_gate]       # a gate to ring 0 does not touch it
        EQ      eax, 0x99
        EQ      rsp, offset WINDOW + 0x800
        mov     esp, STACK_RSP0                 # nor where it is ring 0's own
        lcall   fword ptr [rip + to_gate]
        EQ      eax, 0x99
        mov     rsp, rbx
        EXPECT  VECTOR_GP, CODE64               # descriptors are read as ever
        lcall   fword ptr [rip + to_kernel64]
        CAUGHT
        EQ      rsp, rbx
        RING0
        ret

wrong:  ud2
gated:  mov     eax, 0x99
        retfq
user_far:
        mov     eax, 0x55
        retf

to_user: .long  USER + user_far
        .word   USER_CODE64
to_gate: .long  0
        .word   SCRATCH | 3
to_kernel64: .long 0
        .word   CODE64 | 3
