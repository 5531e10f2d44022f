# overlay.s - pages of ours laid over pages of the guest: hypercall page, reference TSC page, SIM, SIEF, assist page.
#
# A row remembers the EPT entry that it hides, so that two on one page form a stack and either may go first.
# Source  TLFS, "GPA Overlay Pages"

        .assert OVERLAY_NEXT == 0, "a row is its own link"

# overlay_msr - A page MSR was written.  Entry: rbp = partition, rsi = value, r8 = row, edx = EPT rights, rbx = VP.
# Exit: carry set when it would enable a page outside the partition's space, or the pool has no memory for a table.
# Keeps rbx, rbp, r12-r15.
overlay_msr:
        test    esi, HVPAGE_ENABLE
        jz      1f
        mov     rdi, rsi
        and     rdi, -PAGE
        mov     rax, [rbp + PART_MEMORY]
        mov     rcx, GPA_LIMIT
        test    dword ptr [rbp + PART_FLAGS], CREATED
        cmovnz  rax, rcx
        cmp     rdi, rax
        cmc
        jc      2f
        mov     rsi, r8
        jmp     overlay_put
1:      mov     rsi, r8
        call    overlay_drop
        clc
2:      ret

# overlay_put - Entry: rbp = partition, rsi = row, rdi = guest-physical address of the page, rdx = EPT rights, rbx = VP.
# Exit: carry as above.  Keeps rbx, rbp, r12-r15.
overlay_put:
        push    r12
        push    r13
        mov     r12, rsi
        mov     r13, rdi
        push    rdx
        call    overlay_drop
        pop     rdx
        mov     [r12 + OVERLAY_RIGHTS], rdx
        cmp     qword ptr [r12 + OVERLAY_FRAME], 0
        jne     1f
        call    page_take
        jc      3f                              # the lock is not ours
        mov     [r12 + OVERLAY_FRAME], rax
1:      SPIN    rbp + PART_MAP_LOCK
        mov     rdi, r13
        call    ept_leaf
        jc      2f
        mov     rdx, [rax]
        mov     [r12 + OVERLAY_UNDER], rdx
        mov     rdx, [r12 + OVERLAY_FRAME]
        or      rdx, [r12 + OVERLAY_RIGHTS]
        mov     [rax], rdx
        inc     r13
        mov     [r12 + OVERLAY_AT], r13
        mov     rdx, [rbp + PART_OVERLAYS]
        mov     [r12 + OVERLAY_NEXT], rdx
        mov     [rbp + PART_OVERLAYS], r12
        mov     dword ptr [rbp + PART_MAP_LOCK], 0
        call    partition_flush
        clc
2:      mov     dword ptr [rbp + PART_MAP_LOCK], 0      # MOV leaves the carry
3:      pop     r13
        pop     r12
        ret

# overlay_drop - Take a page away; nothing happens when it is not there.  Entry: rbp = partition, rsi = row, rbx = VP.
# Exit: nothing.  Keeps rbx, rbp, r12-r15.
overlay_drop:
        mov     rdi, [rsi + OVERLAY_AT]
        test    rdi, rdi
        jz      5f
        dec     rdi
        SPIN    rbp + PART_MAP_LOCK
        mov     qword ptr [rsi + OVERLAY_AT], 0
        call    ept_leaf                        # keeps rsi; the table exists
        mov     rdx, [rsi + OVERLAY_FRAME]
        or      rdx, [rsi + OVERLAY_RIGHTS]
        mov     rcx, [rsi + OVERLAY_UNDER]
        cmp     [rax], rdx
        jne     1f
        mov     [rax], rcx
1:      lea     rax, [rbp + PART_OVERLAYS]      # leave the list; who hid our entry hides the one below now
2:      mov     rdi, [rax]
        test    rdi, rdi
        jz      4f
        cmp     rdi, rsi
        jne     3f
        mov     rdi, [rsi + OVERLAY_NEXT]
        mov     [rax], rdi
        jmp     2b
3:      mov     rax, rdi
        cmp     [rdi + OVERLAY_UNDER], rdx
        jne     2b
        mov     [rdi + OVERLAY_UNDER], rcx
        jmp     2b
4:      mov     dword ptr [rbp + PART_MAP_LOCK], 0
        jmp     partition_flush
5:      ret

# overlay_find - The row that covers a page.  Entry: rbp = partition, rdi = guest-physical address.
# Exit: rsi = row, zero flag set when there is none.  Changes rdi.
overlay_find:
        or      rdi, PAGE - 1
        sub     rdi, PAGE - 2                   # as OVERLAY_AT says it
        mov     rsi, [rbp + PART_OVERLAYS]
1:      test    rsi, rsi
        jz      2f
        cmp     [rsi + OVERLAY_AT], rdi
        je      3f
        mov     rsi, [rsi + OVERLAY_NEXT]
        jmp     1b
3:      test    rsi, rsi
2:      ret
