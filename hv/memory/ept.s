# ept.s - extended page tables: a partition reaches its own memory and nothing else.
#
# Guest-physical memory lies below 4 GiB, so one PML4 entry and one page-directory-pointer table serve.
# Source  SDM 3C, "EPT Translation Mechanism"

        .equ    EPT_TABLE, EPTE_R | EPTE_W | EPTE_X
        .equ    EPT_RAM, EPTE_R | EPTE_W | EPTE_X | put(EPTE_TYPE, MEMTYPE_WB)
        .equ    EPT_DATA, EPTE_R | EPTE_W | put(EPTE_TYPE, MEMTYPE_WB)
        .equ    EPT_READ, EPTE_R | put(EPTE_TYPE, MEMTYPE_WB)
        .equ    EPT_CODE, EPTE_R | EPTE_X | put(EPTE_TYPE, MEMTYPE_WB)
        .equ    EPT_POINTER, put(EPTP_MEMORY_TYPE, MEMTYPE_WB) | put(EPTP_WALK, 3)
        .equ    ENTRIES, 512

# ept_build - Map all memory of a partition: 2 MiB pages, 4 KiB pages for the rest.
# Entry: rbp = partition with base (2 MiB aligned) and memory.  Exit: PART_EPT, PART_EPTP.  Keeps rbx, rbp, r12-r15.
ept_build:
        push    rbx
        push    r12
        push    r13
        mov     edi, PAGE
        call    frames_zeroed
        mov     [rbp + PART_EPT], rax
        lea     rdx, [rax + EPT_POINTER]
        mov     [rbp + PART_EPTP], rdx
        mov     r12, rax
        mov     edi, PAGE
        call    frames_zeroed
        lea     rdx, [rax + EPT_TABLE]
        mov     [r12], rdx

        xor     r13d, r13d                      # guest-physical address
ept_build_next:
        mov     rdx, [rbp + PART_MEMORY]
        sub     rdx, r13
        jz      ept_build_done
        mov     rdi, r13
        mov     rsi, [rbp + PART_BASE]
        add     rsi, r13
        cmp     rdx, PAGE_2M
        jb      ept_build_small
        test    dword ptr [rbp + PART_FLAGS], ROOT
        jnz     ept_build_small                 # its pages may go one by one
        call    ept_directory                   # rax = page-directory entry of rdi
        lea     rdx, [rsi + EPT_RAM]
        or      rdx, EPDE_2M_PS
        mov     [rax], rdx
        add     r13, PAGE_2M
        jmp     ept_build_next
ept_build_small:
        add     rsi, EPT_RAM
        call    ept_map
        add     r13, PAGE
        jmp     ept_build_next
ept_build_done:
        pop     r13
        pop     r12
        pop     rbx
        ret

# ept_directory - Find the page-directory entry of a guest-physical address, making the directory when it is missing.
# Entry: rdi = address, rbp = partition.  Exit: rax = host-physical address of the entry, or carry set when there is no memory for
# it.  Keeps rdi, rsi.
ept_directory:
        push    rdi
        push    rsi
        push    rbx
        mov     rax, [rbp + PART_EPT]
        mov     rbx, [rax]
        and     rbx, -PAGE
        mov     rax, rdi
        shr     rax, 30
        lea     rbx, [rbx + rax*8]
        mov     rax, [rbx]
        test    rax, rax
        jnz     1f
        call    page_take
        jc      2f
        add     rax, EPT_TABLE
        mov     [rbx], rax
1:      and     rax, -PAGE
        mov     rdx, rdi
        shr     rdx, 21
        and     edx, ENTRIES - 1                # carry clear
        lea     rax, [rax + rdx*8]
2:      pop     rbx
        pop     rsi
        pop     rdi
        ret

# ept_leaf - Find the 4 KiB entry of a guest-physical address, splitting a 2 MiB page when there is one.
# Entry: rdi = address, rbp = partition.  Exit: rax and carry as ept_directory's.  Keeps rdi, rsi, rbx, rbp, r12-r15.
ept_leaf:
        call    ept_directory
        jc      5f
        push    rdi
        push    rsi
        push    rbx
        mov     rbx, rax
        mov     rax, [rbx]
        test    rax, rax
        jz      1f
        test    eax, EPDE_2M_PS
        jz      3f
1:      call    page_take
        jc      6f
        mov     rdx, [rbx]
        test    rdx, rdx
        jz      4f
        and     rdx, ~EPDE_2M_PS                # 512 entries with the rights of the large page
        xor     ecx, ecx
2:      mov     [rax + rcx*8], rdx
        add     rdx, PAGE
        inc     ecx
        cmp     ecx, ENTRIES
        jb      2b
4:      add     rax, EPT_TABLE
        mov     [rbx], rax
3:      and     rax, -PAGE
        mov     rdx, rdi
        shr     rdx, 12
        and     edx, ENTRIES - 1                # carry clear
        lea     rax, [rax + rdx*8]
6:      pop     rbx
        pop     rsi
        pop     rdi
5:      ret

# ept_map - Set the 4 KiB entry of a guest-physical address.  Entry: rdi = address, rsi = entry, rbp = partition.
# Exit: nothing.  Keeps rbx, rbp, r12-r15.
ept_map:
        call    ept_leaf
        mov     [rax], rsi
        ret

# ept_flush - Drop what the processor remembers of a partition's tables.  Entry: rbp = partition.  Exit: nothing.  Changes rax.
# Source  SDM 3C, "INVEPT"
ept_flush:
        push    0
        push    qword ptr [rbp + PART_EPTP]
        mov     eax, INVEPT_TYPE_SINGLE
        invept  rax, [rsp]
        add     rsp, 16
        ret
