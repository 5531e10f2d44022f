# Expect: pass. An access with a byte that is not canonical is #GP(0), for the stack #SS(0), before any page fault; it does nothing.
        .include "lib.s"
        .include "modelib.s"
        .include "fivelib.s"

        .equ    LAST, FREE + 0x20000            # PDPT, PD, PT of the last page below the boundary
        .equ    PAGE, FREE + 0x24000
        .equ    ENTRY, LAST + 0x2000 + 511 * 8

# REFUSED vector, operation, operand - An instruction with one more operand, or PLAIN with none, must fault.
        .macro  REFUSED vector, operation, operand
        EXPECT  \vector
        \operation, \operand
        CAUGHT
        .endm
        .macro  PLAIN vector, operation
        EXPECT  \vector
        \operation
        CAUGHT
        .endm
# CROSSING address - All forms of an access of eight bytes there must fault and change nothing.
        .macro  CROSSING at
        mov     rbx, \at
        call    crossing
        .endm
test:   call    last_page
        mov     dword ptr [TABLES + 255 * 8], LAST + USER_PAGE
        CROSSING 0x00007FFFFFFFFFFC             # four bytes, then four that are not canonical
        CROSSING 0xFFFF7FFFFFFFFFFC             # the reverse
        mov     dword ptr [ENTRY], PAGE + USER_PAGE
        mov     rax, cr3
        mov     cr3, rax
        mov     rbx, 0x00007FFFFFFFFFFC
        call    fits                            # the last bytes before the boundary can be used
        CROSSING 0x00007FFFFFFFFFFC             # while the page is mapped, and known
        CROSSING 0xFFFF7FFFFFFFFFFC
        and     dword ptr [ENTRY], ~(PTE_A | PTE_D)
        mov     rax, cr3
        mov     cr3, rax
        CROSSING 0x00007FFFFFFFFFFC             # mapped, and not known
        NOBITS  dword ptr [ENTRY], PTE_A | PTE_D

        call    five_tables
        call    last_page
        mov     dword ptr [PML5 + 255 * 8], PML4 + USER_PAGE
        mov     dword ptr [PML4 + 511 * 8], LAST + USER_PAGE
        LEAVE_LONG
        mov     eax, cr4
        or      eax, CR4_LA57
        mov     cr4, eax
        ENTER_LONG PML5
        CROSSING 0x00FFFFFFFFFFFFFC
        CROSSING 0xFEFFFFFFFFFFFFFC
        mov     dword ptr [ENTRY], PAGE + USER_PAGE
        mov     rbx, 0x00FFFFFFFFFFFFFC
        call    fits
        CROSSING 0x00FFFFFFFFFFFFFC
        CROSSING 0xFEFFFFFFFFFFFFFC
        mov     rbx, 0x00007FFFFFFFFFFC         # no boundary any more
        EXPECT  VECTOR_PF, 0
        mov     rcx, [rbx]
        CAUGHT
        PASS

# last_page - PDPT, PD and PT whose last entries lead to an empty entry.  Changes rax, rcx, rdi.
last_page:
        mov     edi, LAST
        mov     ecx, 0x3000 / 8
        xor     eax, eax
        rep stosq
        mov     dword ptr [LAST + 511 * 8], LAST + 0x1000 + USER_PAGE
        mov     dword ptr [LAST + 0x1000 + 511 * 8], LAST + 0x2000 + USER_PAGE
        mov     dword ptr [PAGE + 0xFFC], 0x77777777
        ret

# fits - The four bytes at [rbx] read and write, and push and pop.  Changes rcx, rdx.
fits:   mov     ecx, [rbx]
        EQ      ecx, 0x77777777
        mov     [rbx], ecx
        mov     rdx, rsp
        lea     rsp, [rbx + 4]
        push    rdx
        pop     rcx
        mov     rsp, rdx
        EQ      rcx, rdx
        mov     dword ptr [PAGE + 0xFFC], 0x77777777
        mov     dword ptr [PAGE + 0xFF8], 0
        ret

crossing:
        mov     rax, 0x1111111111111111
        mov     rdx, rax
        mov     r12, rsp
        mov     byte ptr [rip + idt + 16 * VECTOR_SS + 4], 1    # on IST1: the stack itself is bad
        mov     byte ptr [rip + idt + 16 * VECTOR_GP + 4], 1
        REFUSED VECTOR_GP, mov rcx, [rbx]
        REFUSED VECTOR_GP, mov [rbx], rax
        REFUSED VECTOR_GP, mov cx, [rbx + 3]
        REFUSED VECTOR_GP, mov [rbx + 3], ax
        REFUSED VECTOR_GP, add [rbx], rax
        REFUSED VECTOR_GP, lock xadd [rbx], rax
        REFUSED VECTOR_GP, xchg [rbx + 2], eax
        PLAIN   VECTOR_GP, fld qword ptr [rbx]
        REFUSED VECTOR_GP, movq xmm0, [rbx]
        REFUSED VECTOR_GP, movq [rbx], xmm0
        PLAIN   VECTOR_GP, push qword ptr [rbx]
        PLAIN   VECTOR_GP, call qword ptr [rbx]
        PLAIN   VECTOR_GP, sidt [rbx]
        PLAIN   VECTOR_GP, lgdt [rbx]
        xor     ecx, ecx
        REFUSED VECTOR_GP, invpcid rcx, [rbx]
        mov     rsi, rbx
        lea     rdi, [rip + scrap]
        PLAIN   VECTOR_GP, movsq
        xchg    rsi, rdi
        PLAIN   VECTOR_GP, movsq
        PLAIN   VECTOR_GP, stosq
        EQ      rdi, rbx
        mov     rbp, rbx
        REFUSED VECTOR_SS, mov rcx, [rbp]
        REFUSED VECTOR_SS, mov [rbp], rax
        lea     rsp, [rbx + 8]
        PLAIN   VECTOR_SS, push rax
        PLAIN   VECTOR_SS, call fits
        PLAIN   VECTOR_SS, pushfq
        lea     rcx, [rbx + 8]
        EQ      rsp, rcx
        mov     rsp, rbx
        PLAIN   VECTOR_SS, pop rcx
        PLAIN   VECTOR_SS, ret
        PLAIN   VECTOR_SS, popfq
        REFUSED VECTOR_SS, mov rcx, [rsp]
        PLAIN   VECTOR_SS, leave
        EQ      rsp, rbx
        mov     rsp, r12
        EQ      rax, rdx
        mov     byte ptr [rip + idt + 16 * VECTOR_SS + 4], 0
        mov     byte ptr [rip + idt + 16 * VECTOR_GP + 4], 0
        EQ      dword ptr [PAGE + 0xFFC], 0x77777777
        ret
        .align  8
scrap:  .quad   0
