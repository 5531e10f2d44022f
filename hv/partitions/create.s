# create.s - the life of a partition: create, initialize, finalize, delete; who it is, and who comes next.
#
# Source  TLFS, "Partition States", "HvCallCreatePartition", "HvCallInitializePartition", "HvCallFinalizePartition",
#         "HvCallDeletePartition", "HvCallGetPartitionId", "HvCallGetNextChildPartition"

        .record CREATE
        .field  FLAGS, 8
        .field  PROXIMITY, 8
        .field  VERSION, 8
        .field  PROCESSOR, 16
        .field  XSAVE, 8
        .field  ISOLATION, 8
        .endrecord
        .equ    CREATE_SMT, 1
        .equ    CREATE_LAPIC, 1 << 13
        .equ    CREATE_X2APIC, 1 << 22
        .equ    CREATE_KNOWN, CREATE_SMT | CREATE_LAPIC | CREATE_X2APIC
        .equ    ACTIVE_PAGES, 6                 # PML4, PDPT, hypercall page, reference TSC page, I/O bitmaps

# call_create_partition - HvCallCreatePartition.  Entry, Exit, Keeps: as a handler of calls.
call_create_partition:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        test    qword ptr [rsi + CREATE_FLAGS], ~CREATE_KNOWN
        jnz     1f
        cmp     qword ptr [rsi + CREATE_ISOLATION], 0
        jne     1f
        push    rdi
        lea     rdi, [rsi + CREATE_PROXIMITY]
        call    proximity_check
        pop     rdi
        test    eax, eax
        jnz     1f
        mov     eax, HVSTATUS_PARTITION_TOO_DEEP
        cmp     qword ptr [rbp + PART_PAGES], 0
        je      1f
        call    pool_take
        mov     rdx, rax
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        jc      1f
        push    rbp
        mov     [rdx + PART_PARENT], rbp
        mov     rbp, rdx
        mov     dword ptr [rbp + PART_FLAGS], ENLIGHTENED | CREATED
        mov     dword ptr [rbp + PART_STATE], PSTATE_UNINITIALIZED
        mov     rax, PRIVILEGES_DEFAULT
        mov     [rbp + PART_PRIVILEGES], rax
        call    features_default
        mov     qword ptr [rbp + PART_CPU_CAP], CPU_WHOLE
        mov     qword ptr [rbp + PART_CPU_WEIGHT], CPU_USUAL
        call    parts_add
        mov     rax, [rbp + PART_ID]
        mov     [rdi], rax
        pop     rbp
        inc     qword ptr [rbp + PART_CHILDREN]
        xor     eax, eax
1:      ret

# call_initialize_partition - HvCallInitializePartition.  Entry, Exit, Keeps: as a handler of calls.
call_initialize_partition:
        mov     rdi, [rsi]
        call    target_child
        jc      1f
        STATES  PSTATE_UNINITIALIZED
        jz      1f
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        cmp     qword ptr [r10 + PART_POOL_COUNT], ACTIVE_PAGES
        jb      1f
        push    rbp
        mov     rbp, r10
        call    pool_take
        lea     rdx, [rax + EPT_POINTER]
        mov     [rbp + PART_EPT], rax
        mov     [rbp + PART_EPTP], rdx
        call    pool_take
        lea     rdx, [rax + EPT_TABLE]
        mov     rax, [rbp + PART_EPT]
        mov     [rax], rdx
        call    pool_take
        mov     [rbp + PART_CALL_PAGE + OVERLAY_FRAME], rax
        call    pool_take
        mov     [rbp + PART_TSC_PAGE + OVERLAY_FRAME], rax
        call    pool_take
        mov     [rbp + PART_PORTS_LOW], rax
        call    pool_take
        mov     [rbp + PART_PORTS_HIGH], rax
        call    tsc_now
        mov     [rbp + PART_STARTED], rax
        mov     dword ptr [rbp + PART_STATE], PSTATE_ACTIVE
        pop     rbp
        xor     eax, eax
1:      ret

# call_finalize_partition - VPs that run leave first: the call is continued until they have.
# Entry, Exit, Keeps: as a handler of calls.
call_finalize_partition:
        mov     rdi, [rsi]
        call    target_child
        jc      1f
        test    dword ptr [r10 + PART_FLAGS], CREATED
        jz      partition_denied
        STATES  PSTATE_ACTIVE | PSTATE_FINALIZING
        jz      1f
        cmp     qword ptr [r10 + PART_CHILDREN], 0
        jne     partition_denied
        mov     dword ptr [r10 + PART_STATE], PSTATE_FINALIZING
        call    vps_hold
        jc      call_once_more
        push    rbp
        mov     rbp, r10
        call    ports_close                     # its ports and connections
        call    vps_free
        call    ept_free
        mov     qword ptr [rbp + PART_OVERLAYS], 0
        mov     rdi, [rbp + PART_CALL_PAGE + OVERLAY_FRAME]
        call    pool_give
        mov     rdi, [rbp + PART_TSC_PAGE + OVERLAY_FRAME]
        call    pool_give
        mov     rdi, [rbp + PART_PORTS_LOW]
        call    pool_give
        mov     rdi, [rbp + PART_PORTS_HIGH]
        call    pool_give
        mov     dword ptr [rbp + PART_STATE], PSTATE_FINALIZED
        pop     rbp
        xor     eax, eax
1:      ret
partition_denied:
        mov     eax, HVSTATUS_OPERATION_DENIED
        ret
# call_once_more - The guest is to call again.  Entry: nothing.  Exit: eax = CALL_LATER.  Changes nothing else.
call_once_more:
        mov     eax, CALL_LATER
        ret

# call_delete_partition - HvCallDeletePartition.  Entry, Exit, Keeps: as a handler of calls.
call_delete_partition:
        mov     rdi, [rsi]
        call    target_child
        jc      1f
        test    dword ptr [r10 + PART_FLAGS], CREATED
        jz      partition_denied
        STATES  PSTATE_FINALIZED | PSTATE_UNINITIALIZED
        jz      1f
        cmp     qword ptr [r10 + PART_POOL_COUNT], 0
        jne     partition_denied
        call    parts_drop
        mov     rdi, r10
        call    pool_give                       # the caller's page
        dec     qword ptr [rbp + PART_CHILDREN]
        xor     eax, eax
1:      ret

# call_get_partition_id - HvCallGetPartitionId.  Entry, Exit, Keeps: as a handler of calls.
call_get_partition_id:
        mov     rax, [rbp + PART_ID]
        mov     [rdi], rax
        xor     eax, eax
        ret

# call_next_child - In the order of creation; 0 begins, 0 ends.
# Entry, Exit, Keeps: as a handler of calls.
call_next_child:
        push    rdi
        mov     rdi, [rsi]
        call    target_any
        pop     rdi
        jc      1f
        mov     eax, HVSTATUS_ACCESS_DENIED
        cmp     r10, rbp
        jne     1f
        mov     rdx, [rel parts_first]
        mov     rcx, [rsi + 8]
        test    rcx, rcx
        jz      3f
        push    rdi
        mov     rdi, rcx
        call    target_child
        pop     rdi
        mov     eax, HVSTATUS_INVALID_PARTITION_ID
        jc      1f
        mov     rdx, [r10 + PART_LINK]
3:      test    rdx, rdx
        jz      4f
        cmp     [rdx + PART_PARENT], rbp
        je      4f
        mov     rdx, [rdx + PART_LINK]
        jmp     3b
4:      xor     eax, eax
        test    rdx, rdx
        jz      5f
        mov     rax, [rdx + PART_ID]
5:      mov     [rdi], rax
        xor     eax, eax
1:      ret
