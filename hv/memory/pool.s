# pool.s - memory that a parent has deposited for a partition: pages of 4 KiB, free or holding what the hypervisor keeps of it.
#
# A free page's first word links it.  Only a partition that owns a page table of states (PART_PAGES) may deposit: the root.
# There a page is free to use (0), mapped into children (a count), or deposited (PAGE_DEPOSITED).
# Source  TLFS, "Partition Memory Pool", "HvCallDepositMemory", "HvCallWithdrawMemory", "HvCallGetMemoryBalance"

        .equ    PAGE_DEPOSITED, 0x8000
        .equ    PAGE_MOST, 0x7FFF               # mappings of a page

# pool_take - Entry: rbp = partition.  Exit: rax = a cleared page; carry set when there is none.  Changes rcx.
pool_take:
        SPIN    rbp + PART_POOL_LOCK
        mov     rax, [rbp + PART_POOL_FREE]
        test    rax, rax
        jz      1f
        mov     rcx, [rax]
        mov     [rbp + PART_POOL_FREE], rcx
        dec     qword ptr [rbp + PART_POOL_COUNT]
        inc     qword ptr [rbp + PART_POOL_USED]
        mov     dword ptr [rbp + PART_POOL_LOCK], 0
        push    rdi
        push    rax
        mov     rdi, rax
        mov     ecx, PAGE / 8
        xor     eax, eax
        rep stosq
        pop     rax
        pop     rdi
        clc
        ret
1:      mov     dword ptr [rbp + PART_POOL_LOCK], 0
        stc
        ret

# pool_give - A page comes back.  Entry: rbp = partition, rdi = page, or 0.  Exit: nothing.  Changes rax.
pool_give:
        test    rdi, rdi
        jz      pool_add.done
        dec     qword ptr [rbp + PART_POOL_USED]
# pool_add - A page that was not in use.  Entry: rbp = partition, rdi = page.  Exit: nothing.  Changes rax.
pool_add:
        SPIN    rbp + PART_POOL_LOCK
        mov     rax, [rbp + PART_POOL_FREE]
        mov     [rdi], rax
        mov     [rbp + PART_POOL_FREE], rdi
        inc     qword ptr [rbp + PART_POOL_COUNT]
        mov     dword ptr [rbp + PART_POOL_LOCK], 0
.done:  ret

# page_take - For tables and overlays of any partition: of its pool, or of the hypervisor's memory for those of the loader.
# Entry: rbp = partition.  Exit: rax and carry as pool_take's.  Changes rcx, rdx, r8-r11.
page_take:
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     pool_take
        push    rdi
        push    rsi
        mov     edi, PAGE
        call    frames_zeroed
        pop     rsi
        pop     rdi
        clc
        ret

# page_state - The word of a page of the caller.  Entry: rdi = page number, rbp = caller.
# Exit: rdx = its address, carry clear; carry set when the caller has no such page, or no table.  Changes rax.
page_state:
        mov     rdx, [rbp + PART_PAGES]
        test    rdx, rdx
        jz      1f
        mov     rax, [rbp + PART_MEMORY]
        shr     rax, 12
        cmp     rdi, rax
        cmc
        jc      1f
        lea     rdx, [rdx + rdi*2]              # below 2^32: carry stays clear
        ret
1:      stc
        ret

# pool_target - Entry: rsi = header that begins with a partition ID, rbp = caller.
# Exit: r10 = partition; or eax = status and carry set.
# The caller is its parent, or the root on itself.  Changes rax, rdi.
pool_target:
        mov     rdi, [rsi]
        jmp     target_child_or_root

# call_deposit - HvCallDepositMemory, a page an element.  Entry, Exit, Keeps: as a handler of calls.
call_deposit:
        call    pool_target
        jc      2f
        STATES  PSTATE_ACTIVE | PSTATE_UNINITIALIZED
        jz      2f
        push    r12
        mov     rdi, [r8]
        call    page_state
        mov     eax, HVSTATUS_OPERATION_DENIED
        jc      1f
        cmp     word ptr [rdx], 0
        jne     1f
        mov     r12, rdx
        shl     rdi, 12
        push    r10
        call    ept_base                        # rax = its entry in our tables
        pop     r10
        mov     rdx, [rbp + PART_BASE]
        add     rdx, rdi
        lea     rcx, [rdx + EPT_RAM]
        cmp     [rax], rcx
        mov     ecx, HVSTATUS_OPERATION_DENIED
        jne     3f
        mov     word ptr [r12], PAGE_DEPOSITED
        mov     qword ptr [rax], 0
        push    r10
        push    rdx
        call    partition_flush
        pop     rdi
        pop     r10
        push    rbp
        mov     rbp, r10
        call    pool_add
        pop     rbp
        xor     ecx, ecx
3:      mov     eax, ecx
1:      pop     r12
2:      ret

# call_withdraw - HvCallWithdrawMemory, a page an element.  Entry, Exit, Keeps: as a handler of calls.
call_withdraw:
        call    pool_target
        jc      1f
        lea     rdi, [rsi + 8]
        call    proximity_check
        test    eax, eax
        jnz     1f
        push    rbp
        mov     rbp, r10
        call    pool_take
        jc      2f
        dec     qword ptr [rbp + PART_POOL_USED]
        pop     rbp
        mov     rdi, rax
        sub     rdi, [rbp + PART_BASE]
        mov     rdx, rdi
        shr     rdx, 12
        mov     [r9], rdx
        mov     rcx, [rbp + PART_PAGES]
        mov     word ptr [rcx + rdx*2], 0
        push    rax
        call    ept_base
        pop     rdx
        add     rdx, EPT_RAM
        mov     [rax], rdx
        xor     eax, eax
1:      ret
2:      pop     rbp
        mov     eax, HVSTATUS_NO_RESOURCES
        ret

# call_balance - HvCallGetMemoryBalance.  Entry, Exit, Keeps: as a handler of calls.
call_balance:
        call    pool_target
        jc      1f
        push    rdi
        lea     rdi, [rsi + 8]
        call    proximity_check
        pop     rdi
        test    eax, eax
        jnz     1f
        mov     rdi, [rbx + VP_CALL_OUTPUT]
        mov     rax, [r10 + PART_POOL_COUNT]
        mov     [rdi], rax
        mov     rax, [r10 + PART_POOL_USED]
        mov     [rdi + 8], rax
        xor     eax, eax
1:      ret
