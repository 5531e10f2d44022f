# gpa.s - memory of created partitions: pages of the parent mapped into their guest-physical space.
#
# An entry that is not 0 is a mapping, even without rights.  A change that processors may remember is complete when they
# have dropped it: the call is continued until then, and finds its change made.
# Source  TLFS, "GPA Space", "HvCallMapGpaPages", "HvCallMapSparseGpaPages", "HvCallUnmapGpaPages"

        .equ    GPA_LIMIT, 1 << 39              # one PML4 entry
        .equ    MAP_READ, 1
        .equ    MAP_WRITE, 2
        .equ    MAP_EXECUTE, 4 | 8              # kernel, user
        .equ    MAP_UNCACHED, 0x200000
        .equ    MAP_LARGE, 0x80000000
        .equ    MAP_KNOWN, MAP_READ | MAP_WRITE | MAP_EXECUTE | MAP_UNCACHED | MAP_LARGE
        .equ    EPT_MAPPED, 1 << 11             # of ours: keeps an entry without rights from being 0

# map_target - Entry: rsi = header, rbp = caller.  Exit: r10 = created, active child, carry clear; or eax = status and carry set;
# rdi = the child's ID.  Changes rax.
map_target:
        mov     rdi, [rsi]
        call    target_child
        jc      2f
        STATES  PSTATE_ACTIVE
        jz      1f
        mov     eax, HVSTATUS_OPERATION_DENIED
        test    dword ptr [r10 + PART_FLAGS], CREATED
        jz      1f
        clc
        ret
1:      stc
2:      ret

# call_map_pages - HvCallMapGpaPages, a page an element.  Entry, Exit, Keeps: as a handler of calls.
call_map_pages:
        call    map_target
        jc      .done
        mov     edi, edx
        mov     ecx, [rsi + 16]
        test    ecx, MAP_LARGE
        jz      1f
        shl     rdi, 9
1:      add     rdi, [rsi + 8]
        mov     rsi, [r8]
        jmp     map_run
.done:  ret
# call_map_sparse - HvCallMapSparseGpaPages, a page an element.  Entry, Exit, Keeps: as a handler of calls.
call_map_sparse:
        call    map_target
        jc      call_map_pages.done
        mov     ecx, [rsi + 8]
        mov     rdi, [r8]
        mov     rsi, [r8 + 8]

# map_run - Entry: rdi = target page number, rsi = source page number, ecx = map flags, r10 = target, rbx = VP, rbp = partition.
# Exit: eax = status.  Changes rcx, rdx, rdi, rsi, r8, r9.
map_run:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        test    ecx, ~MAP_KNOWN & 0xFFFFFFFF
        jnz     call_map_pages.done
        test    ecx, MAP_READ
        jnz     1f
        test    ecx, MAP_WRITE | MAP_EXECUTE
        jnz     call_map_pages.done
1:      mov     edx, ecx
        and     edx, MAP_READ | MAP_WRITE       # = EPTE_R | EPTE_W
        test    ecx, MAP_EXECUTE
        jz      4f
        or      edx, EPTE_X
4:      test    ecx, MAP_UNCACHED
        jnz     5f
        or      edx, put(EPTE_TYPE, MEMTYPE_WB)
5:      or      edx, EPT_MAPPED
        mov     r8d, 1
        test    ecx, MAP_LARGE
        jz      6f
        mov     r8d, ENTRIES
        mov     rcx, rdi
        or      rcx, rsi
        test    ecx, ENTRIES - 1
        jnz     call_map_pages.done
6:      push    r12
        push    r13
        push    r14
        push    r15
        mov     r12, rdi
        mov     r13, rsi
        mov     r14d, edx
        mov     r15d, r8d
7:      call    map_page
        test    eax, eax
        jnz     8f
        inc     r12
        inc     r13
        dec     r15d
        jnz     7b
        call    flush_waits
        mov     ecx, CALL_LATER
        cmovc   eax, ecx
8:      pop     r15
        pop     r14
        pop     r13
        pop     r12
        ret

# map_page - Entry: r12 = target, r13 = source page number, r14 = EPT bits, r10 = target partition, a created one; rbp = caller,
# rbx = its VP.  Exit: eax = status.  Keeps rbx, rbp, r10-r15.
map_page:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     rcx, GPA_LIMIT >> 12
        cmp     r12, rcx
        jae     1f
        mov     rdi, r13
        call    page_state
        mov     eax, HVSTATUS_INVALID_PARAMETER
        jc      1f
        movzx   ecx, word ptr [rdx]
        mov     eax, HVSTATUS_OPERATION_DENIED
        cmp     ecx, PAGE_DEPOSITED
        je      1f
        mov     eax, HVSTATUS_NO_RESOURCES
        cmp     ecx, PAGE_MOST
        je      1f
        mov     rsi, r13
        shl     rsi, 12
        add     rsi, [rbp + PART_BASE]
        or      rsi, r14
        mov     r8, rdx                         # the source's word
        jmp     map_set
1:      ret

# map_set - Give a page of a created partition another entry.  Entry: r12 = page number, rsi = entry (0: none), r8 = word to count
# it in, r10 = partition, rbx = VP this processor is about.  Exit: eax = status.  Keeps rbx, rbp, r8, r10-r15.
map_set:
        push    rbp
        mov     rbp, r10
        SPIN    rbp + PART_MAP_LOCK
        mov     rdi, r12
        shl     rdi, 12
        call    ept_base
        mov     ecx, HVSTATUS_INSUFFICIENT_MEMORY
        jc      2f
        mov     rdx, [rax]
        xor     ecx, ecx
        cmp     rdx, rsi
        je      2f
        mov     [rax], rsi
        test    rsi, rsi
        jz      1f
        inc     word ptr [r8]
1:      test    rdx, rdx
        jz      2f
        mov     rdi, rdx
        call    map_uncount
        test    edx, EPT_TABLE
        jz      2f
        mov     dword ptr [rbp + PART_MAP_LOCK], 0
        call    partition_flush
        xor     ecx, ecx
2:      mov     dword ptr [rbp + PART_MAP_LOCK], 0
        mov     eax, ecx
        pop     rbp
        ret

# call_unmap_pages - A rep call without a list.  A page that is not mapped causes no error.
# Entry, Exit, Keeps: as a handler of calls.
call_unmap_pages:
        call    map_target
        jc      1f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        test    dword ptr [rsi + 16], ~2 & 0xFFFFFFFF   # large pages
        jnz     1f
        push    r12
        push    r13
        mov     r13d, 1
        mov     r12d, edx
        test    dword ptr [rsi + 16], 2
        jz      2f
        mov     r13d, ENTRIES
        shl     r12, 9
2:      add     r12, [rsi + 8]
3:      mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     rcx, GPA_LIMIT >> 12
        cmp     r12, rcx
        jae     4f
        xor     esi, esi
        call    map_set
        test    eax, eax
        jnz     4f
        inc     r12
        dec     r13d
        jnz     3b
        call    flush_waits
        mov     ecx, CALL_LATER
        cmovc   eax, ecx
4:      pop     r13
        pop     r12
1:      ret
