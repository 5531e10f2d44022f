# table_vps.s - virtual processors of a partition of the table: made, put into their first state, ended together.
#
# All of a partition belong to one processor of the machine, so that its devices need no locks.  The first begins with what the
# table says, the others wait for INIT and start-up IPI.
# Source  hv/README.md, "Partition table", "What a partition finds"


# vps_make - All of a partition, in the ring of its processor.  Entry: rbp = partition, r13 = descriptor.  Exit: nothing.
# Keeps rbp, r12-r15.
vps_make:
        push    r12
        xor     r12d, r12d
1:      call    vp_make
        inc     r12d
        cmp     r12d, [r13 + DESC_VPS]
        jb      1b
        pop     r12
        ret

# vp_make - Entry: r12d = index, rbp = partition, r13 = descriptor.  Exit: rbx = VP.  Keeps rbp, r12-r15.
vp_make:
        mov     edi, PAGE
        call    frames_zeroed
        mov     rbx, rax
        mov     [rbx + VP_PARTITION], rbp
        mov     [rbx + VP_INDEX], r12d
        lea     rax, [rbp + PART_VP]            # after those that there are
1:      mov     rcx, [rax]
        test    rcx, rcx
        jz      2f
        lea     rax, [rcx + VP_SIBLING]
        jmp     1b
2:      mov     [rax], rbx
        mov     eax, [rbp + PART_NUMBER]
        add     eax, VPID_FIRST
        test    r12d, r12d
        jz      3f
        mov     eax, [rel vpid_next]
        inc     word ptr [rel vpid_next]
        mov     dword ptr [rbx + VP_STATE], VP_PARKED
3:      mov     [rbx + VP_VPID], rax

        mov     rax, [r13 + DESC_AFFINITY]      # ALL ONES: partition number
        cmp     rax, -1
        jne     4f
        mov     eax, [rbp + PART_NUMBER]
4:      xor     edx, edx
        mov     ecx, [rel processor_count]
        div     rcx
        lea     rax, [rel processors]
        mov     rax, [rax + rdx*8]
        mov     [rbx + VP_PROCESSOR], rax
        call    ring_add

        lea     rax, [rel cpuid_plain]
        lea     rcx, [rel cpuid_none]
        test    dword ptr [rbp + PART_FLAGS], ENLIGHTENED
        jz      5f
        lea     rax, [rel cpuid_enlightened]
        lea     rcx, [rel cpuid_created]
5:      cmp     dword ptr [r13 + DESC_VPS], 1
        cmova   rax, rcx                        # each answers leaf 1 with its own number
        mov     [rbx + VP_CPUID], rax
        test    r12d, r12d
        jnz     6f
        lea     rsi, [r13 + DESC_REGISTERS]
        mov     rdi, rbx
        mov     ecx, 16
        rep movsq
6:      ret

# vps_count - Entry: rbp = partition.  Exit: eax, at least 1.  Changes nothing else.
vps_count:
        mov     rax, [rbp + PART_DESC]
        mov     eax, [rax + DESC_VPS]
        cmp     eax, 1
        adc     eax, 0                          # 0 says one, too
        ret

# vps_alone - Exit: zero flag set when a partition has one VP.  Entry: rbp = partition.  Changes rax.
vps_alone:
        mov     rax, [rbp + PART_VP]
        cmp     qword ptr [rax + VP_SIBLING], 0
        ret

# vps_ended - Every VP of a partition is out of use.  Entry: rbp = partition of the table, on their processor.
# Exit: rax = exits of all.  Changes rcx.
vps_ended:
        xor     eax, eax
        mov     rcx, [rbp + PART_VP]
1:      add     rax, [rcx + VP_EXITS]
        mov     dword ptr [rcx + VP_STATE], VP_ENDED
        mov     dword ptr [rcx + VP_WORK], 0
        vmclear [rcx + VP_VMCS]
        dec     qword ptr gs:[CPU_VPS]
        mov     rcx, [rcx + VP_SIBLING]
        test    rcx, rcx
        jnz     1b
        ret

# vps_stuck - Can no other VP of a partition go on by itself?  Entry: rbx = VP that cannot, rbp = partition.
# Exit: zero flag set when none can.  Changes rax, rcx, rdx, rdi, rsi.
vps_stuck:
        push    rbx
        push    r12
        mov     r12, [rbp + PART_VP]
1:      test    r12, r12
        jz      4f
        cmp     r12, [rsp + 8]
        je      3f
        mov     rbx, r12
        cmp     dword ptr [rbx + VP_REQUESTS], 0
        jne     5f
        mov     eax, [rbx + VP_STATE]
        cmp     eax, VP_PARKED
        je      3f
        cmp     eax, VP_HALTED
        jne     5f
        mov     rax, [rbx + VP_DEADLINE]        # NEVER is all ones
        and     rax, [rbx + VP_STIMER_DEADLINE]
        and     rax, [rbx + VP_PIT_DEADLINE]
        cmp     rax, -1
        jne     5f
        call    event_wakes
        jns     5f
3:      mov     r12, [r12 + VP_SIBLING]
        jmp     1b
5:      test    rsp, rsp                        # not zero
4:      pop     r12
        pop     rbx
        ret
