# ept_created.s - tables of created partitions: read without making them, and given back.
#
# Source  SDM 3C, "EPT Translation Mechanism"

# ept_find - What a processor finds for a guest-physical address.  Entry: rdi = address, rbp = created partition.
# Exit: rax = 4 KiB entry, or 0.  Changes nothing else.
ept_find:
        push    rdx
        xor     eax, eax
        mov     rdx, rdi
        shr     rdx, 39
        jnz     1f
        mov     rdx, [rbp + PART_EPT]
        test    rdx, rdx
        jz      1f
        mov     rax, [rdx]
        and     rax, -PAGE
        mov     rdx, rdi
        shr     rdx, 30
        mov     rax, [rax + rdx*8]
        test    rax, rax
        jz      1f
        and     rax, -PAGE
        mov     rdx, rdi
        shr     rdx, 21
        and     edx, ENTRIES - 1
        mov     rax, [rax + rdx*8]
        test    rax, rax
        jz      1f
        and     rax, -PAGE
        mov     rdx, rdi
        shr     rdx, 12
        and     edx, ENTRIES - 1
        mov     rax, [rax + rdx*8]
1:      pop     rdx
        ret

# ept_base - The entry below all overlays.  Entry: rdi = address, rbp = partition.  Exit: rax = where it is, or carry set.
# Changes rcx, rdx, r8-r11 (of a created partition rcx, rdx, r9).
ept_base:
        call    ept_leaf
        jc      4f
        lea     r9, [rdi + 1]
1:      mov     rcx, [rbp + PART_OVERLAYS]
2:      test    rcx, rcx
        jz      4f                              # carry clear
        cmp     [rcx + OVERLAY_AT], r9
        jne     3f
        mov     rdx, [rcx + OVERLAY_FRAME]
        or      rdx, [rcx + OVERLAY_RIGHTS]
        cmp     rdx, [rax]
        jne     3f
        lea     rax, [rcx + OVERLAY_UNDER]
        jmp     1b
3:      mov     rcx, [rcx + OVERLAY_NEXT]
        jmp     2b
4:      ret

# ept_free - Everything of a partition without overlays; its parent's pages are counted less.  Entry: rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, rdi.
ept_free:
        mov     rdi, [rbp + PART_EPT]
        mov     ecx, 4                          # levels
        call    ept_free_table
        mov     qword ptr [rbp + PART_EPT], 0
        ret

# ept_free_table - Entry: rdi = table, ecx = its level, rbp = partition; a table of level 1 holds pages.
# Exit: nothing.  Changes rax, rcx, rdx, rdi.
ept_free_table:
        push    rsi
        push    rdi
        mov     rsi, rdi
        xor     edx, edx
1:      mov     rdi, [rsi + rdx*8]
        test    rdi, rdi
        jz      3f
        push    rdx
        push    rcx
        cmp     ecx, 1
        jne     2f
        call    map_uncount
        jmp     4f
2:      and     rdi, -PAGE
        dec     ecx
        call    ept_free_table
4:      pop     rcx
        pop     rdx
3:      inc     edx
        cmp     edx, ENTRIES
        jb      1b
        pop     rdi
        pop     rsi
        jmp     pool_give

# map_uncount - A mapping goes: one less of the parent's page.  Entry: rdi = entry, rbp = partition.  Exit: nothing.
# Changes rax, rdi.
map_uncount:
        mov     rax, WALK_ADDRESS
        and     rdi, rax
        mov     rax, [rbp + PART_PARENT]
        sub     rdi, [rax + PART_BASE]
        shr     rdi, 12
        mov     rax, [rax + PART_PAGES]
        dec     word ptr [rax + rdi*2]
        ret

# ept_created - The APIC's page is ours; all else is the parent's business.
# Entry: r12 = guest-physical address, r13 = exit qualification, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, r12, r13.
ept_created:
        call    mmio_is_apic
        jz      ept_device
        mov     rdi, r12
        call    overlay_find
        jnz     fault_gp
        mov     rdi, r12
        call    ept_find
        mov     edi, HVMESSAGE_UNMAPPED_GPA
        test    rax, rax
        jz      seen_memory
        and     eax, EPT_TABLE                  # does the entry allow it after all?
        not     eax
        mov     ecx, r13d
        and     ecx, QUAL_EPT_READ | QUAL_EPT_WRITE | QUAL_EPT_FETCH
        test    eax, ecx
        jz      ept_flush
        mov     edi, HVMESSAGE_GPA_INTERCEPT
        jmp     seen_memory
