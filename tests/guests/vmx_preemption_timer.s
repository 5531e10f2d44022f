# Expect: pass. The preemption timer counts TSC cycles shifted right, exits at 0, and its rest can be saved.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        mov     ecx, VMXMSR_MISC
        rdmsr
        and     eax, MISC_TIMER_RATE
        mov     [rip + rate], eax
        SET     PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER
        PUT     PREEMPTION_TIMER, 10000
        rdtsc
        shl     rdx, 32
        lea     r12, [rax + rdx]
        GUEST   spin
        RUN     PREEMPTION_TIMER
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, r12
        mov     ecx, [rip + rate]
        shr     rax, cl
        CONDITION jae, rax, 9998
        BELOW   rax, 12000
        GET     rax, PREEMPTION_TIMER
        EQ      eax, 10000                      # not saved
        SET     EXIT_CONTROLS, EXITC_SAVE_TIMER
        GUEST   call
        RUN     VMCALL
        GET     rax, PREEMPTION_TIMER
        BELOW   eax, 10000
        ABOVE   eax, 8000
        PUT     PREEMPTION_TIMER, 0
        GUEST   call
        RUN     PREEMPTION_TIMER                # before the first instruction
        GET     rdx, GUEST_RIP
        EQ      rdx, offset call
        PUT     PREEMPTION_TIMER, 100000        # runs on while the guest is halted
        CLEAR   PRIMARY_CONTROLS, PROC_HLT
        GUEST   halt
        RUN     PREEMPTION_TIMER
        GET     rax, GUEST_ACTIVITY
        EQ      eax, ACTIVITY_HLT
        PASS
spin:   jmp     spin
call:   vmcall
halt:   hlt
        .align  8
rate:   .quad   0
