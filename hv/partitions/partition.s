# partition.s - from the partition table to partitions with memory, tables and virtual processors.
#
# Source  hv/README.md, "Partition table", "What a partition finds"

# partitions_check - Refuse a table that cannot work; note its pieces as holes.  Entry: nothing.  Exit: nothing.
# Changes all but rbx, r15.
partitions_check:
        mov     rax, TABLE_MAGIC
        lea     rdi, [rel text_bad_magic]
        cmp     [PARTITION_TABLE + TABLE_MAGIC_AT], rax
        jne     fatal
        lea     rdi, [rel text_bad_count]
        mov     r12d, [PARTITION_TABLE + TABLE_COUNT]
        lea     eax, [r12 - 1]
        cmp     eax, PARTITIONS
        jae     fatal
        mov     r13d, PARTITION_TABLE + TABLE_FIRST
1:      call    descriptor_check
        add     r13, DESC_BYTES
        dec     r12d
        jnz     1b
        ret

# descriptor_check - Entry: r13 = descriptor.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r11, r14.
descriptor_check:
        lea     rdi, [rel text_bad_kind]
        cmp     dword ptr [r13 + DESC_KIND], KINDS
        jae     fatal
        lea     rdi, [rel text_bad_memory]
        mov     rax, [r13 + DESC_MEMORY]
        test    eax, PAGE - 1
        jnz     fatal
        cmp     rax, LOW_LIMIT
        jb      fatal
        mov     ecx, GUEST_LIMIT
        cmp     rax, rcx
        ja      fatal
        lea     rdi, [rel text_bad_vps]
        cmp     dword ptr [r13 + DESC_VPS], TABLE_VPS
        ja      fatal
        lea     rdi, [rel text_bad_piece]
        mov     r14d, [r13 + DESC_PIECES]
        cmp     r14d, PIECES
        ja      fatal
        lea     r11, [r13 + DESC_PIECE]
1:      test    r14d, r14d
        jz      2f
        lea     rdi, [rel text_bad_piece]
        mov     rax, [r11 + PIECE_TARGET]       # target + length inside the partition's memory
        mov     rcx, [r11 + PIECE_LENGTH]
        cmp     rax, [r13 + DESC_MEMORY]
        ja      fatal
        mov     rdx, [r13 + DESC_MEMORY]
        sub     rdx, rax
        cmp     rcx, rdx
        ja      fatal
        mov     rdi, [r11 + PIECE_SOURCE]
        lea     rsi, [rdi + rcx]
        mov     eax, PAGE - 1
        add     rsi, rax
        not     rax
        and     rdi, rax
        and     rsi, rax
        call    frames_hole
        add     r11, PIECE_BYTES
        dec     r14d
        jmp     1b
2:      ret

# partitions_make - Make every partition and put its VP into the ring of its processor.
# Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, rbx, rbp, rdi, rsi, r8-r14.
partitions_make:
        xor     r12d, r12d
1:      mov     edi, PAGE
        call    frames_zeroed
        mov     rbp, rax
        mov     [rbp + PART_NUMBER], r12d
        mov     r13d, r12d
        imul    r13d, r13d, DESC_BYTES
        add     r13, PARTITION_TABLE + TABLE_FIRST
        mov     [rbp + PART_DESC], r13
        mov     eax, [r13 + DESC_FLAGS]
        mov     [rbp + PART_FLAGS], eax
        mov     rdx, PRIVILEGES_CHILD
        xor     ecx, ecx
        test    eax, ENLIGHTENED
        cmovnz  rcx, rdx
        mov     rdx, PRIVILEGES_ROOT
        test    eax, ROOT
        cmovnz  rcx, rdx
        mov     [rbp + PART_PRIVILEGES], rcx
        mov     rax, [r13 + DESC_MEMORY]
        mov     [rbp + PART_MEMORY], rax
        mov     dword ptr [rbp + PART_STATE], PSTATE_ACTIVE
        mov     qword ptr [rbp + PART_CPU_CAP], CPU_WHOLE
        mov     qword ptr [rbp + PART_CPU_WEIGHT], CPU_USUAL
        call    parts_add
        call    partition_memory
        call    partition_root
        call    ept_build
        call    partition_devices
        call    vps_make
        test    dword ptr [rbp + PART_FLAGS], ROOT
        jnz     2f
        cmp     qword ptr [rel listener], 0
        jne     2f
        mov     [rel listener], rbp
2:
        mov     dword ptr [r13 + DESC_STATE], STATE_RUNS
        lock inc dword ptr [rel running]
        inc     r12d
        cmp     r12d, [PARTITION_TABLE + TABLE_COUNT]
        jb      1b
        ret

# partition_memory - Memory for guest-physical 0 and up, cleared, with its pieces and what kind it is.
# Entry: rbp = partition, r13 = descriptor.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8-r11, r14.
partition_memory:
        mov     rdi, [rbp + PART_MEMORY]
        mov     esi, PAGE_2M
        call    frames_take
        mov     [rbp + PART_BASE], rax
        mov     [r13 + DESC_BASE], rax
        test    dword ptr [PARTITION_TABLE + TABLE_FLAGS], TABLE_CLEAN
        jnz     1f
        mov     rdi, rax
        mov     rcx, [rbp + PART_MEMORY]
        shr     rcx, 3
        xor     eax, eax
        rep stosq
1:      lea     rdx, [r13 + DESC_PIECE]
        mov     r14d, [r13 + DESC_PIECES]
2:      test    r14d, r14d
        jz      3f
        mov     rsi, [rdx + PIECE_SOURCE]
        mov     rdi, [rdx + PIECE_TARGET]
        add     rdi, [rbp + PART_BASE]
        mov     rcx, [rdx + PIECE_LENGTH]
        mov     rax, rcx
        shr     rcx, 3
        rep movsq
        mov     ecx, eax
        and     ecx, 7
        rep movsb
        add     rdx, PIECE_BYTES
        dec     r14d
        jmp     2b
3:      cmp     dword ptr [r13 + DESC_KIND], PAYLOAD_LONG
        je      guest_prepare
        call    guest_acpi                      # foreign kernels look for ACPI tables
        cmp     dword ptr [r13 + DESC_KIND], PAYLOAD_FLAT
        jne     guest_prepare
        ret

        .balign 4
root:           .quad 0                         # the root partition, or 0
running:        .long 0                         # partitions that have not ended
text_bad_magic: .asciz "no partition table at 0x200000"
text_bad_count: .asciz "the partition table must hold 1 to 16 partitions"
text_bad_kind:  .asciz "partition table: unknown kind of entry"
text_bad_vps:   .asciz "partition table: a partition has 1 to 8 virtual processors"
text_bad_memory: .asciz "partition table: memory must be a multiple of 4096, from 1 MiB to 0xFEC00000"
text_bad_piece: .asciz "partition table: a piece lies outside the partition's memory"
