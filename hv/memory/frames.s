# frames.s - memory for the hypervisor and its partitions, handed out once, never returned.
#
# Regions are the E820 table's usable RAM between LOW_LIMIT and MEMORY_LIMIT; reserved ranges inside them (our image,
# the partition table, its pieces) are skipped.
# Source  hv/README.md, "Memory map"

        .equ    REGIONS, 16
        .equ    HOLES, 2 + PARTITIONS * PIECES
        .record RANGE
        .field  FROM, 8
        .field  TO, 8
        .field  BYTES, 0
        .endrecord

# frames_region - Note a usable region.  Entry: rdi = first byte, rsi = end.  Exit: nothing.  Changes rax, rdx, rdi, rsi.
frames_region:
        mov     eax, LOW_LIMIT
        cmp     rdi, rax
        cmovb   rdi, rax
        mov     rax, MEMORY_LIMIT
        cmp     rsi, rax
        cmova   rsi, rax
        cmp     rdi, rsi
        jae     1f
        mov     eax, [rel frame_regions_count]
        cmp     eax, REGIONS
        jae     1f
        inc     dword ptr [rel frame_regions_count]
        shl     eax, 4
        lea     rdx, [rel frame_regions]
        mov     [rdx + rax + RANGE_FROM], rdi
        mov     [rdx + rax + RANGE_TO], rsi
1:      ret

# frames_hole - Note a range that is not to be handed out.  Entry: rdi = first byte, rsi = end.  Exit: nothing.  Changes rax, rdx.
frames_hole:
        mov     eax, [rel frame_holes_count]
        cmp     eax, HOLES
        jae     1f
        inc     dword ptr [rel frame_holes_count]
        shl     eax, 4
        lea     rdx, [rel frame_holes]
        mov     [rdx + rax + RANGE_FROM], rdi
        mov     [rdx + rax + RANGE_TO], rsi
1:      ret

# frames_take - Entry: rdi = bytes (multiple of PAGE), rsi = alignment (power of two).
# Exit: rax = physical address; the machine ends when there is no memory.  Changes rcx, rdx, r8-r11.
frames_take:
        lock bts dword ptr [rel frame_lock], 0
        jnc     frames_from
        pause
        jmp     frames_take
frames_from:
        mov     rax, [rel frame_next]
        mov     ecx, [rel frame_region]
frames_in_region:
        cmp     ecx, [rel frame_regions_count]
        jae     frames_none
        mov     r8d, ecx
        shl     r8, 4
        lea     rdx, [rel frame_regions]
        add     r8, rdx
        cmp     rax, [r8 + RANGE_FROM]
        jae     frames_align
        mov     rax, [r8 + RANGE_FROM]
frames_align:
        lea     rdx, [rsi - 1]
        add     rax, rdx
        not     rdx
        and     rax, rdx
        lea     r9, [rax + rdi]                 # end of what we would take
        cmp     r9, [r8 + RANGE_TO]
        jbe     frames_holes
        inc     ecx
        jmp     frames_in_region

frames_holes:
        lea     r10, [rel frame_holes]
        mov     r11d, [rel frame_holes_count]
1:      sub     r11d, 1
        jc      frames_found
        cmp     rax, [r10 + RANGE_TO]
        jae     2f
        cmp     r9, [r10 + RANGE_FROM]
        jbe     2f
        mov     rax, [r10 + RANGE_TO]           # begin again after the hole
        jmp     frames_align
2:      add     r10, RANGE_BYTES
        jmp     1b

frames_found:
        mov     [rel frame_next], r9
        mov     [rel frame_region], ecx
        mov     dword ptr [rel frame_lock], 0
        ret
frames_none:
        mov     dword ptr [rel frame_lock], 0
        lea     rdi, [rel text_no_memory]
        jmp     fatal

# frames_zeroed - The same, cleared.  Entry: rdi = bytes.  Exit: rax = page-aligned address.  Keeps rbx, rbp, r12-r15.
frames_zeroed:
        push    rdi
        mov     esi, PAGE
        call    frames_take
        pop     rcx
        push    rax
        mov     rdi, rax
        shr     rcx, 3
        xor     eax, eax
        rep stosq
        pop     rax
        ret

        .balign 8
frame_next:     .quad 0
frame_region:   .long 0
frame_lock:     .long 0
frame_regions_count: .long 0
frame_holes_count:   .long 0
frame_regions:  .fill REGIONS * RANGE_BYTES, 1, 0
frame_holes:    .fill HOLES * RANGE_BYTES, 1, 0
text_no_memory: .asciz "not enough memory for the partitions"
