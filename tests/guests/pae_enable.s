# Expect: pass. PAE paging turned on by CR0.PG, with CR0.CD (which a monitor keeps), reads all four PDPTEs: a reserved bit of one that is present is #GP(0), and paging stays off.
        .include "lib.s"
        .include "modelib.s"

        .equ    PDPT, 0x40000
        .equ    PD, 0x41000
        .equ    ENTRIES, 4
        .equ    TRIES, 9
test:   mov     eax, 0x80000008
        cpuid
        mov     cl, al                          # the first bit beyond the physical address
        mov     eax, 1
        shl     rax, cl
        mov     [rip + bad_bits + 8 * 7], rax
        LEAVE_LONG
        lidt    [idt32_pointer]
        GATE32  VECTOR_GP, on_gp
        mov     edi, PD
        mov     eax, 0x83
        mov     ecx, 512
.fill:  mov     [edi], eax
        mov     dword ptr [edi + 4], 0
        add     edi, 8
        add     eax, 0x200000
        loop    .fill
        mov     eax, cr4
        or      eax, CR4_PAE
        mov     cr4, eax
        mov     eax, PDPT
        mov     cr3, eax
        xor     esi, esi                        # entry
.entry: xor     edi, edi                        # reserved bits
.try:   call    good
        mov     eax, [bad_bits + edi*8]
        or      [PDPT + esi*8], eax
        mov     eax, [bad_bits + edi*8 + 4]
        or      [PDPT + esi*8 + 4], eax
        mov     edx, offset .refused
        mov     eax, cr0
        or      eax, CR0_PG | CR0_CD
        mov     cr0, eax
        jmp     .bad                            # it was taken
.refused:
        mov     eax, cr0
        test    eax, CR0_PG
        jnz     .bad
        and     dword ptr [PDPT + esi*8], ~1 & 0xFFFFFFFF       # one that is not present may have them
        test    esi, esi
        jz      .next                           # we live there
        mov     edx, offset .bad
        or      eax, CR0_PG | CR0_CD
        mov     cr0, eax
        and     eax, ~(CR0_PG | CR0_CD) & 0xFFFFFFFF
        mov     cr0, eax
.next:  inc     edi
        cmp     edi, TRIES
        jb      .try
        inc     esi
        cmp     esi, ENTRIES
        jb      .entry
        call    good
        mov     edx, offset .bad
        mov     eax, cr0
        or      eax, CR0_PG | CR0_CD
        mov     cr0, eax
        mov     ebx, [0xC0000000 + PDPT]        # the fourth GiB, the same memory
        and     eax, ~(CR0_PG | CR0_CD) & 0xFFFFFFFF
        mov     cr0, eax
.bad:   ENTER_LONG
        EQ      ebx, PD + 1
        EQ      esi, ENTRIES
        EQ      dword ptr [rip + count], ENTRIES * TRIES
        PASS
        .code32
good:   xor     ecx, ecx
1:      mov     dword ptr [PDPT + ecx*8], PD + 1
        mov     dword ptr [PDPT + ecx*8 + 4], 0
        inc     ecx
        cmp     ecx, ENTRIES
        jb      1b
        ret
on_gp:  inc     dword ptr [count]
        add     esp, 4
        mov     [esp], edx
        iretd
        .code64
        .align  8
bad_bits:
        .quad   1 << 1, 1 << 2, 1 << 5, 1 << 6, 1 << 7, 1 << 8, 1 << 62, 0, 1 << 63
count:  .quad   0
