# schedule.s - which VP a processor runs, for how long, and what it does when none can run.
#
# Source  hv/README.md, "Scheduling, locks, isolation"; SDM 3C, "VMX-Preemption Timer"

# schedule - Give the processor to the next VP: goes on at vm_work with the VP it chose, or sleeps until one can run.
# Entry: rbx = VP that ran last, runnable, halted or ended.  Exit: never.
schedule:
        and     dword ptr [rbx + VP_WORK], ~WORK_YIELD
        mov     rsp, gs:[CPU_SELF]
        call    tsc_now
        sub     rax, [rbx + VP_RAN_SINCE]
        add     [rbx + VP_RAN], rax
        call    share_used
        cmp     dword ptr [rbx + VP_SUSPENDED], 0
        jne     schedule_leave
        mov     rbx, [rbx + VP_NEXT]
        jmp     schedule_look
# schedule_first - The same, from the first VP of the ring on.  Entry: GS base = the processor's block.  Exit: never.
schedule_first:
        mov     rsp, gs:[CPU_SELF]
        mov     rbx, gs:[CPU_RING]
# schedule_look - The same, from a VP on.  Entry: rbx = VP of this processor, rsp = the processor's stack.  Exit: never.
schedule_look:
        call    ring_join
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        mov     r12, rax                        # now
        call    share_begin
        mov     r13, rbx                        # first of the round
        mov     r14, NEVER                      # earliest deadline of the halted
.look:  cmp     dword ptr [rbx + VP_SUSPENDED], 0
        jne     schedule_leave
        mov     eax, [rbx + VP_STATE]
        cmp     eax, VP_RUNNABLE
        je      schedule_runnable
        cmp     eax, VP_PARKED
        je      schedule_parked
        cmp     eax, VP_HALTED
        jne     schedule_next
        mov     rdi, r12                        # halted: what is due fires, and may wake it
        call    clock_fire
        mov     rbp, [rbx + VP_PARTITION]
        call    requests_take
        call    event_wakes
        jns     schedule_wake
        mov     rax, [rbx + VP_DEADLINE]
        mov     rdx, [rbx + VP_STIMER_DEADLINE]
        cmp     rdx, rax
        cmovb   rax, rdx
        mov     rdx, [rbx + VP_PIT_DEADLINE]
        cmp     rdx, rax
        cmovb   rax, rdx
        cmp     rax, -1
        je      schedule_stuck
schedule_waits:
        cmp     rax, r14
        cmovb   r14, rax
schedule_next:
        mov     rbx, [rbx + VP_NEXT]
        cmp     rbx, r13
        jne     schedule_look.look

        mov     rax, gs:[CPU_CANDIDATE]         # nobody goes before it
        test    rax, rax
        mov     rbx, rax
        jnz     schedule_run
        mov     rbx, r13
        cmp     qword ptr gs:[CPU_VPS], 0
        je      processor_rest
        mov     rbx, gs:[CPU_CURRENT]           # what it remembers is gone, too, while it waits for its share
        test    rbx, rbx
        jz      1f
        call    vp_flush
1:      mov     rbx, r13
        mov     rdi, r14
        call    host_sleep
        jmp     schedule_look

schedule_parked:
        mov     rbp, [rbx + VP_PARTITION]
        call    requests_take
        cmp     dword ptr [rbx + VP_STARTING], 0
        je      schedule_next
        jmp     schedule_wake
schedule_stuck:                                 # its last timer has fired, and did not reach it
        mov     rbp, [rbx + VP_PARTITION]
        test    dword ptr [rbp + PART_FLAGS], CREATED | ROOT
        jnz     schedule_waits                  # others can wake it
        cmp     qword ptr [rbp + PART_PARENT], 0
        jne     schedule_waits
        call    uart_wanted
        jnz     schedule_waits
        call    vps_stuck
        mov     rax, NEVER
        jnz     schedule_waits
        mov     dword ptr [rbp + PART_CODE], CODE_HALTED
        WORK    WORK_END
schedule_wake:
        mov     dword ptr [rbx + VP_STATE], VP_RUNNABLE
schedule_runnable:
        mov     rbp, [rbx + VP_PARTITION]
        call    share_check
        jc      schedule_next                   # its cap is used up
        jz      schedule_run
        cmp     qword ptr gs:[CPU_CANDIDATE], 0
        jne     schedule_next
        mov     gs:[CPU_CANDIDATE], rbx
        jmp     schedule_next
schedule_run:
        mov     rbp, [rbx + VP_PARTITION]
        mov     rdx, CANARY
        lea     rdi, [rel text_canary]
        mov     rax, gs:[CPU_SELF]
        cmp     [rax - STACK_BYTES], rdx
        jne     fatal
        mov     [rbx + VP_RAN_SINCE], r12
        call    share_slice
        add     rax, r12
        mov     [rbx + VP_SLICE_END], rax
        mov     rdx, gs:[CPU_CURRENT]
        cmp     rdx, rbx
        je      schedule_go
        test    rdx, rdx
        jz      1f
        call    switch_save
1:      call    switch_load
        mov     gs:[CPU_CURRENT], rbx
schedule_go:
        call    vp_flush
        mov     rbp, [rbx + VP_PARTITION]
        mov     dword ptr [rbx + VP_KNOWN], 0
        cmp     dword ptr [rbx + VP_STARTING], 0
        je      1f
        mov     rdx, rbx                        # what it begins with goes by the VP
        call    switch_save
        call    vp_start
        call    switch_load
1:      mov     edx, [rbp + PART_EXCEPTIONS]
        cmp     edx, [rbx + VP_EXCEPTIONS]
        je      2f
        mov     [rbx + VP_EXCEPTIONS], edx
        VMPUT   VMCS_EXCEPTION_BITMAP, rdx
2:      WORK    WORK_CLOCK | WORK_REQUESTS | WORK_EVENT
        jmp     vm_work

# clock_update - Fire the APIC timer if it is due, end the slice if it is over, set the preemption timer to what comes first.
# Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8.
clock_update:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        push    rax
        mov     rdi, rax
        call    clock_fire
        pop     rax
        mov     rdx, [rbx + VP_DEADLINE]
        mov     rcx, [rbx + VP_PIT_DEADLINE]
        cmp     rcx, rdx
        cmovb   rdx, rcx
        mov     rcx, [rbx + VP_STIMER_DEADLINE]
        cmp     rcx, rdx
        cmovb   rdx, rcx
        mov     rcx, [rbx + VP_PARTITION]
        cmp     dword ptr [rcx + PART_CPU_CAP], CPU_WHOLE
        jb      4f
        cmp     qword ptr gs:[CPU_VPS], 1
        jbe     2f                              # nobody to share the processor with
4:
        mov     rcx, [rbx + VP_SLICE_END]
        cmp     rcx, rdx
        cmovb   rdx, rcx
        cmp     rcx, rax
        ja      2f
        WORK    WORK_YIELD
2:      sub     rdx, rax
        ja      3f
        xor     edx, edx
3:      mov     ecx, [rel timer_rate]
        shr     rdx, cl
        mov     eax, 0xFFFFFFFF
        cmp     rdx, rax
        cmova   rdx, rax
        mov     eax, 1
        test    rdx, rdx
        cmovz   rdx, rax
        VMPUT   VMCS_PREEMPTION_TIMER, rdx
        mov     dword ptr [rbx + VP_CREDIT], CREDIT
        ret

        .balign 4
timer_rate:     .long 0
text_canary:    .asciz "a stack of the hypervisor has overflowed"
