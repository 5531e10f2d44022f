# share.s - how much of a processor a VP may have: weight, cap and reserve of its partition.
#
# Time goes by periods of PERIOD_CYCLES.  A VP that has used its cap waits for the next; one that has not had its reserve goes
# first; the rest take turns, each for a slice in proportion to its weight.  All of it is of one processor.
# Source  TLFS, "Scheduling Resources" (HvPartitionPropertyCpuReserve, CpuCap, CpuWeight)

        .equ    PERIOD_CYCLES, 10 * SLICE_CYCLES
        .equ    SLICE_LEAST, SLICE_CYCLES / 10
        .equ    CPU_WHOLE, 0x10000
        .equ    CPU_USUAL, 100

# share_begin - The ring is examined from its start.  Entry: r12 = TSC.  Exit: nothing.  Changes rax, rcx, rdx.
share_begin:
        mov     rax, r12
        xor     edx, edx
        mov     ecx, PERIOD_CYCLES
        div     rcx
        mov     gs:[CPU_PERIOD], rax
        mov     qword ptr gs:[CPU_CANDIDATE], 0
        ret

# share_used - Count what a VP has had.  Entry: rax = cycles it ran, rbx = VP.  Exit: nothing.  Changes rcx.
share_used:
        call    share_period
        add     [rbx + VP_USED], rax
        ret
# share_period - In a new period nothing is used yet.  Entry: rbx = VP.  Exit: nothing.  Changes rcx.
share_period:
        mov     rcx, gs:[CPU_PERIOD]
        cmp     rcx, [rbx + VP_PERIOD_SEEN]
        je      1f
        mov     [rbx + VP_PERIOD_SEEN], rcx
        mov     qword ptr [rbx + VP_USED], 0
1:      ret

# share_of - Cycles of a period.  Entry: rax = part of CPU_WHOLE.  Exit: rax.  Changes rdx.
share_of:
        mov     edx, PERIOD_CYCLES
        mul     rdx
        shr     rax, shift(CPU_WHOLE)
        ret

# share_check - May a VP that can run, run now?  Entry: rbx = VP, rbp = partition, r14 = when to check again at the latest.
# Exit: carry set when not, and r14 is at most the next period; zero flag set when it goes before others.  Changes rax, rcx, rdx.
share_check:
        call    share_period
        mov     rax, [rbp + PART_CPU_CAP]
        cmp     rax, CPU_WHOLE
        jae     1f
        call    share_of
        cmp     [rbx + VP_USED], rax
        jae     3f
1:      cmp     dword ptr [rel reserves], 0
        je      2f
        mov     rax, [rbp + PART_CPU_RESERVE]
        call    share_of
        cmp     rax, [rbx + VP_USED]            # above: it has not had it
        mov     eax, 0
        setbe   al
        test    eax, eax                        # carry clear
        ret
2:      xor     eax, eax                        # nobody has a reserve: the first goes; carry clear, zero set
        ret
3:      mov     rax, gs:[CPU_PERIOD]
        inc     rax
        mov     ecx, PERIOD_CYCLES
        mul     rcx
        cmp     rax, r14
        cmovb   r14, rax
        stc
        ret

# share_slice - Exit: rax = cycles until the VP has to give way.  Entry: rbx = VP, rbp = partition.  Changes rcx, rdx.
share_slice:
        mov     rax, [rbp + PART_CPU_WEIGHT]
        mov     ecx, SLICE_CYCLES / CPU_USUAL
        mul     rcx
        mov     ecx, SLICE_LEAST
        cmp     rax, rcx
        cmovb   rax, rcx
        mov     ecx, PERIOD_CYCLES
        cmp     rax, rcx
        cmova   rax, rcx
        mov     rcx, rax
        mov     rax, [rbp + PART_CPU_CAP]
        cmp     rax, CPU_WHOLE
        jae     1f
        call    share_of
        sub     rax, [rbx + VP_USED]
        cmp     rax, rcx
        cmovb   rcx, rax
1:      mov     rax, rcx
        ret

        .balign 4
reserves:       .long 0                         # not 0: a partition has been given a reserve
