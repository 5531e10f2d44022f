# Expect: pass; memory=6144. RAM beyond the hole lies at 4 GiB: the map, data, code, tables, a VMCS and an engine's stores reach it.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    PDPT, TABLES + 0x1000
        .equ    ABOVE_PD, FREE + 0x100000
        .equ    HIGH_PAGE, 0x1BFE00000          # the last 2 MiB of 6 GiB
        .equ    HIGH_CODE, 0x140000000
# ENTRY n - rbx = map entry n.
        .macro  ENTRY n
        mov     rbx, [rip + boot_information]
        mov     rbx, [rbx + BOOT_E820]
        add     rbx, E820_SIZE * (\n)
        .endm
test:   mov     rbx, [rip + boot_information]
        mov     rax, [rbx + BOOT_MEMORY]
        EQ64    rax, 0x180000000
        EQ      dword ptr [rbx + BOOT_E820_COUNT], 8
        ENTRY   3                               # 1 MiB up to the hole
        mov     rax, [rbx + E820_BASE]
        add     rax, [rbx + E820_LENGTH]
        EQ64    rax, 0xC0000000
        ENTRY   7
        mov     rax, [rbx + E820_BASE]
        EQ64    rax, 0x100000000
        mov     rax, [rbx + E820_LENGTH]
        EQ64    rax, 0xC0000000
        EQ      dword ptr [rbx + E820_TYPE], E820_RAM

        mov     rdi, ABOVE_PD                   # 4 GiB to 8 GiB by 2 MiB pages
        mov     rax, 0x100000000 + PTE_P + PTE_RW + PDE_PS
        mov     ecx, 4 * 512
.pd:    mov     [rdi], rax
        add     rdi, 8
        add     rax, 0x200000
        dec     ecx
        jnz     .pd
        mov     qword ptr [PDPT + 4 * 8], ABOVE_PD + PTE_P + PTE_RW
        mov     qword ptr [PDPT + 5 * 8], ABOVE_PD + 0x1000 + PTE_P + PTE_RW
        mov     qword ptr [PDPT + 6 * 8], ABOVE_PD + 0x2000 + PTE_P + PTE_RW
        mov     qword ptr [PDPT + 7 * 8], ABOVE_PD + 0x3000 + PTE_P + PTE_RW

        mov     rbx, HIGH_PAGE
        mov     rax, 0x1122334455667788
        mov     [rbx + 0x1FFFF8], rax           # the last word
        EQ      rax, [rbx + 0x1FFFF8]
        mov     rdx, 0x1C0000000                # beyond it nothing answers
        EQ      dword ptr [rdx], 0xFFFFFFFF
        mov     edx, 0xC0000000                 # nor in the hole
        EQ      dword ptr [rdx], 0xFFFFFFFF
        mov     dword ptr [rdx], 5
        EQ      dword ptr [rdx], 0xFFFFFFFF
        mov     rdx, 0x100000000
        EQ      dword ptr [rdx], 0

        mov     rdi, HIGH_CODE                  # code there, and rewritten there
        lea     rsi, [rip + piece]
        mov     ecx, piece_end - piece
        rep movsb
        mov     rbp, HIGH_CODE
        call    rbp
        EQ      eax, 0x111
        mov     ecx, 20
.again: mov     [rbp + 1], ecx
        call    rbp
        EQ      eax, ecx
        dec     ecx
        jnz     .again

        mov     rdi, HIGH_PAGE                  # tables there
        mov     qword ptr [rdi], 0x200000 + PTE_P + PTE_RW + PDE_PS
        mov     rax, HIGH_PAGE + PTE_P + PTE_RW
        mov     [PDPT + 7 * 8], rax
        mov     rax, cr3
        mov     cr3, rax
        mov     dword ptr [FREE], 0x4321
        mov     rdx, 0x1C0000000 + FREE - 0x200000
        EQ      dword ptr [rdx], 0x4321
        BITS    byte ptr [rdi], PTE_A
        mov     dword ptr [rdx], 1
        BITS    byte ptr [rdi], PTE_D
        EQ      dword ptr [FREE], 1

        sgdt    [rbx + 0x1000]                  # stores of the model
        mov     rax, [rbx + 0x1002]
        mov     edx, offset gdt
        EQ      rax, rdx

        call    vmx_start                       # a VMCS
        mov     rdi, HIGH_PAGE + 0x4000
        mov     ecx, VMXMSR_BASIC
        rdmsr
        mov     [rdi], eax
        mov     [rip + region_at], rdi
        vmclear [rip + region_at]
        vmptrld [rip + region_at]
        mov     eax, VMCS_GUEST_RIP
        mov     ecx, 0x777
        vmwrite rax, rcx
        vmread  rdx, rax
        EQ      edx, 0x777
        PASS
piece:  mov     eax, 0x111
        ret
piece_end:
        .align  8
region_at: .quad 0
