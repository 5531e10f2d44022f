# Expect: pass. 5-level paging: 57-bit addresses translate, carry A and D, fault and are canonical as CR4.LA57 says.
        .include "lib.s"
        .include "modelib.s"
        .include "fivelib.s"

test:   mov     eax, 7
        xor     ecx, ecx
        cpuid
        BITS    ecx, FEATURE_7C_LA57
        call    five_tables

# 4-level paging: registers take 57-bit addresses, RIP and memory accesses do not.
        mov     rbx, HIGH
        EXPECT  VECTOR_GP
        mov     rcx, [rbx]
        CAUGHT
        EXPECT  VECTOR_GP
        jmp     rbx
        CAUGHT
        mov     rax, cr4
        or      rax, CR4_LA57
        EXPECT  VECTOR_GP                       # not in IA-32e mode
        mov     cr4, rax
        CAUGHT
        WRMSR   MSR_FS_BASE, HIGH
        RDMSR   MSR_FS_BASE
        EQ      rax, rbx
        EXPECT  VECTOR_GP
        mov     rcx, fs:[0]
        CAUGHT
        WRMSR   MSR_FS_BASE, 0
        mov     rax, cr4
        or      rax, CR4_FSGSBASE
        mov     cr4, rax
        EXPECT  VECTOR_GP
        wrfsbase rbx
        CAUGHT
        lgdt    [rip + high_gdt]
        sgdt    [rip + stored]
        lgdt    [rip + gdt_pointer]
        mov     rax, [rip + high_gdt + 2]
        EQ      [rip + stored + 2], rax
        EXPECT  VECTOR_GP
        lgdt    [rip + bad_table]
        CAUGHT
        EXPECT  VECTOR_GP
        lidt    [rip + bad_table]
        CAUGHT
        invlpg  [rbx]
        LEAVE_LONG
        mov     eax, cr4
        or      eax, CR4_LA57
        mov     cr4, eax
        ENTER_LONG PML5

# Translation, A and D, page faults
        mov     rbx, HIGH
        mov     rcx, [rbx]
        EQ64    rcx, 0x1122334455667788
        BITS    dword ptr [PML5 + HIGH_5 * 8], PTE_A
        BITS    dword ptr [PML4 + HIGH_4 * 8], PTE_A
        BITS    dword ptr [PDPT + HIGH_3 * 8], PTE_A
        BITS    dword ptr [PD + HIGH_2 * 8], PTE_A
        BITS    dword ptr [PT], PTE_A
        NOBITS  dword ptr [PT], PTE_D
        mov     qword ptr [rbx + 8], 5
        BITS    dword ptr [PT], PTE_D
        NOBITS  dword ptr [PML5 + HIGH_5 * 8], 1 << 6
        EQ      qword ptr [PAGE_A + 8], 5
        mov     qword ptr [rbx + 0xFFC], -1     # across two pages
        EQ      dword ptr [PAGE_B], -1
        EXPECT  VECTOR_PF, 0
        mov     rcx, [rbx + 0x5000]
        CAUGHT
        lea     rax, [rbx + 0x5000]
        EQ      [rip + fault_address], rax
        EXPECT  VECTOR_PF, PFEC_WR
        mov     [rbx + 0x5123], rcx
        CAUGHT
        lea     rax, [rbx + 0x5123]
        EQ      [rip + fault_address], rax
        or      dword ptr [PML5 + HIGH_5 * 8], PDE_PS   # reserved in a PML5 entry
        mov     rax, cr3
        mov     cr3, rax
        EXPECT  VECTOR_PF, PFEC_P | PFEC_RSVD
        mov     rcx, [rbx]
        CAUGHT
        and     dword ptr [PML5 + HIGH_5 * 8], ~PDE_PS & 0xFFFFFFFF
        mov     rax, NEGATIVE
        EQ      qword ptr [rax + 8], 5          # bit 56 set
        EQ      qword ptr [rbx + PAGE_A + 8], 5 # in the 2 MiB page

# Code, XD, stack
        lea     rax, [rbx + 0x2000]
        call    rax
        EQ      eax, 0x1234
        lea     rax, [rbx + 0x3000]
        lea     rdx, [rip + .xd]
        EXPECT_AT VECTOR_PF, PFEC_P | PFEC_ID, 0
        mov     [rip + expect_rip], rax
        jmp     rax
        CAUGHT
.xd:    EQ      [rip + fault_address], rax
        mov     r12, rsp
        lea     rsp, [rbx + 0x1800]
        push    CODE64
        lea     rax, [rbx + 0x2000]
        push    rax
        mov     rax, rsp
        EXPECT  VECTOR_UD                       # a frame on the stack up there
        ud2
        CAUGHT
        EQ      rsp, rax
        pop     rax
        pop     rcx
        EQ      ecx, CODE64
        lea     rcx, [rip + .back]
        push    rcx
        push    CODE64
        push    rax
        retfq
.back:  EQ      eax, 0x1234
        mov     rsp, r12

# Changed mappings: INVLPG, MOV CR3
        mov     dword ptr [PT], PAGE_C + USER_PAGE
        invlpg  [rbx]
        EQ      qword ptr [rbx], 0x33
        mov     dword ptr [PT], PAGE_A + USER_PAGE
        mov     rax, cr3
        mov     cr3, rax
        EQ      qword ptr [rbx + 8], 5

# Tables up there, and what is not canonical with 57 bits
        lgdt    [rip + high_gdt]
        mov     eax, DATA
        mov     ds, eax
        mov     fs, eax
        lidt    [rip + high_idt]
        EXPECT  VECTOR_UD
        ud2
        CAUGHT
        lidt    [rip + idt_pointer]
        lgdt    [rip + gdt_pointer]
        wrfsbase rbx
        EQ      qword ptr fs:[8], 5
        mov     rbx, 1 << 56
        EXPECT  VECTOR_GP
        mov     rcx, [rbx]
        CAUGHT
        EXPECT  VECTOR_GP
        mov     [rbx], rcx
        CAUGHT
        EXPECT  VECTOR_GP
        jmp     rbx
        CAUGHT
        mov     rbp, 0xFEFFFFFFFFFFFFFF
        EXPECT  VECTOR_SS
        mov     cl, [rbp]
        CAUGHT
        EXPECT  VECTOR_GP
        wrfsbase rbx
        CAUGHT
        EXPECT  VECTOR_GP
        lgdt    [rip + bad_table]
        CAUGHT
        invlpg  [rbx]
        mov     rax, cr4
        and     rax, ~CR4_LA57
        EXPECT  VECTOR_GP
        mov     cr4, rax
        CAUGHT
        LEAVE_LONG
        mov     eax, cr4
        and     eax, ~CR4_LA57 & 0xFFFFFFFF
        mov     cr4, eax
        ENTER_LONG
        mov     rbx, HIGH
        EXPECT  VECTOR_GP                       # nothing is left of what was cached
        mov     rcx, [rbx]
        CAUGHT
        PASS
        .align  16
high_gdt:
        .word   gdt_end - gdt - 1
        .quad   HIGH + (1 << 22) + gdt
high_idt:
        .word   256 * 16 - 1
        .quad   HIGH + (1 << 22) + idt
bad_table:
        .word   0xFFF
        .quad   1 << 56
stored: .word   0
        .quad   0
