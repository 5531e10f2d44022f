# memory.s - where guest-physical memory is.
#
# Source  hv/README.md, "Memory map"

# guest_memory - Entry: rdi = guest-physical address, rbp = partition.  Exit: rax = host address, 0 when it is not RAM that may be
# read and written.  Changes nothing else.
guest_memory:
        cmp     rdi, [rbp + PART_MEMORY]
        jae     2f
        mov     rax, [rbp + PART_PAGES]
        test    rax, rax
        jnz     3f
1:      mov     rax, [rbp + PART_BASE]
        add     rax, rdi
        ret
2:      xor     eax, eax
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jz      4f
        call    ept_find
        push    rdx
        mov     edx, eax
        and     edx, EPTE_R | EPTE_W
        cmp     edx, EPTE_R | EPTE_W
        mov     rdx, WALK_ADDRESS
        jne     5f
        and     rax, rdx
        mov     edx, edi
        and     edx, PAGE - 1
        or      rax, rdx
        pop     rdx
        ret
5:      xor     eax, eax
        pop     rdx
4:      ret
3:      push    rdi
        shr     rdi, 12
        cmp     word ptr [rax + rdi*2], PAGE_DEPOSITED
        pop     rdi
        jne     1b
        xor     eax, eax
        ret
