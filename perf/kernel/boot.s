# boot.s - multiboot entry, 64-bit mode, command line `LOOP COUNT REPEATS ...`, and the course of a measurement.
#
# Entry   multiboot-1 machine state: eax = magic, ebx = boot information
# Exit    debug-exit port: 0 done, 1 no such loop, 2 the loop failed
# Source  Multiboot Specification 0.6.96, "Machine state"; SDM 3A, "Initializing IA-32e Mode"

        .use    cpu, vmx, msr, paging, platform, uart

        .equ    PML4, 0x200000                  # PDPT at + 0x1000, four PDs from + 0x2000: 4 GiB at themselves
        .equ    TOUCH_PD, PML4 + 0x6000         # the touch window's PD, then eight page tables
        .equ    TOUCH, 0x100000000              # 4,096 pages of 4 KiB, at 64 MiB in memory
        .equ    TOUCH_MEMORY, 0x4000000
        .equ    EPT_PML4, 0x220000              # laid out like PML4
        .equ    VMXON_PAGE, 0x230000
        .equ    VMCS_PAGE, 0x231000
        .equ    HOST_SAVE, 0x232000             # SVM only
        .equ    VMCB_PAGE, 0x233000
        .equ    BUFFER, 0x234000
        .equ    POINTER, BUFFER + 0x800         # operand of VMXON, VMCLEAR, VMPTRLD; no data is written beside code
        .equ    STACK, 0x240000
        .equ    GUEST_STACK, 0x248000
        .equ    BSS_END, 0x250000
        .equ    ABSENT, 0x50000000              # the 2 MiB that EPT does not map
        .equ    LEAF, PTE_P | PTE_RW | 1 << 7
        .equ    CODE, 0x08
        .equ    DATA, 0x10
        .equ    TASK, 0x18
        .equ    MULTIBOOT, 0x1BADB002
        .equ    BY_ADDRESSES, 0x10000

        .record LOOP                            # a row of `loops`
        .field  NAME, 16
        .field  CODE, 8                         # routine: rdi = count, rsi = BUFFER, rbx = row; rax = 0 when all went well
        .field  GUEST, 8                        # what VMX loops run in non-root operation,
        .field  HANDLER, 8                      # their HOST_RIP,
        .field  REASON, 8                       # the exit that they expect,
        .field  SECONDARY, 8                    # secondary and
        .field  PRIMARY, 8                      # primary controls beyond the required ones
        .endrecord

        .org    0x100000
        .code32
header: .long   MULTIBOOT, BY_ADDRESSES, 0x100000000 - MULTIBOOT - BY_ADDRESSES
        .long   header, header, image_end, BSS_END, start

start:  cli
        cld
        mov     esp, STACK
        mov     esi, [ebx + 16]                 # command line
        mov     eax, PML4 + 0x1000 + 3
        mov     [PML4], eax
        mov     ecx, 0
.pdpt:  lea     eax, [ecx + 2]
        shl     eax, 12
        add     eax, PML4 + 3
        mov     [ecx*8 + PML4 + 0x1000], eax
        inc     ecx
        cmp     ecx, 4
        jb      .pdpt
        mov     ecx, 0
.pd:    mov     eax, ecx
        shl     eax, 21
        or      eax, LEAF
        mov     [ecx*8 + PML4 + 0x2000], eax
        inc     ecx
        cmp     ecx, 2048
        jb      .pd
        mov     eax, cr4
        or      eax, CR4_PAE
        mov     cr4, eax
        mov     eax, PML4
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME
        wrmsr
        mov     eax, CR0_PE | CR0_NE | CR0_ET | CR0_PG
        mov     cr0, eax
        lgdt    [gdtr]
        ljmp    CODE, long_mode

        .code64
long_mode:
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        xor     eax, eax
        mov     fs, eax
        mov     gs, eax
        mov     esp, STACK
        mov     eax, TASK
        ltr     ax
        mov     esi, esi
        call    map_touch
.loop:  call    find_loop                       # rbx = row, rsi after the name
        call    number
        mov     r12, rax                        # count, 0: as good as without end
        call    number
        mov     r13, rax                        # repeats
        push    rsi
.again: call    begin
        mov     rdi, r12
        mov     esi, BUFFER
        push    r12
        push    r13
        push    rbx
        call    qword ptr [rbx + LOOP_CODE]
        pop     rbx
        pop     r13
        pop     r12
        test    eax, eax
        jnz     failed
        lea     rsi, [rel text_end]
        call    line
        dec     r13
        jnz     .again
        pop     rsi
        inc     rsi                             # past the blank
        cmp     byte ptr [rsi - 1], ' '
        je      .loop
        xor     eax, eax
        out     PORT_DEBUG_EXIT, eax
.stop:  cli
        hlt
        jmp     .stop

failed: lea     rsi, [rel text_failed]
        call    say
        call    hex
        mov     rax, rcx
        call    hex
        call    newline
        mov     eax, 2
        out     PORT_DEBUG_EXIT, eax
        jmp     failed

# map_touch - 4,096 pages of 4 KiB at TOUCH.  Changes rax, rcx, rdx
map_touch:
        mov     eax, TOUCH_PD + 3
        mov     [PML4 + 0x1000 + 4*8], rax
        mov     ecx, 0
.pd:    lea     eax, [rcx + 1]
        shl     eax, 12
        add     eax, TOUCH_PD + 3
        mov     [rcx*8 + TOUCH_PD], rax
        inc     ecx
        cmp     ecx, 8
        jb      .pd
        mov     ecx, 0
.page:  mov     eax, ecx
        shl     eax, 12
        add     eax, TOUCH_MEMORY + 3
        mov     [rcx*8 + TOUCH_PD + 0x1000], rax
        inc     ecx
        cmp     ecx, 4096
        jb      .page
        mov     rax, cr3
        mov     cr3, rax
        ret

# find_loop - rsi = command line -> rbx = row of the first word that names one, rsi after it; ends the run when none does
find_loop:
        lea     rbx, [rel loops]
.row:   xor     ecx, ecx
.letter:
        mov     al, [rsi + rcx]
        mov     dl, [rbx + rcx + LOOP_NAME]
        cmp     al, ' '
        jbe     .last
        cmp     al, dl
        jne     .next
        inc     ecx
        jmp     .letter
.last:  test    dl, dl
        jz      .found
.next:  add     rbx, LOOP_SIZE
        lea     rax, [rel loops_end]
        cmp     rbx, rax
        jb      .row
.skip:  mov     al, [rsi]                       # a word that names none: the image's path, from some loaders
        inc     rsi
        cmp     al, ' '
        je      find_loop
        ja      .skip
        mov     eax, 1
        out     PORT_DEBUG_EXIT, eax
        hlt
.found: add     rsi, rcx
        ret

# number - rsi = text -> rax = the decimal number there, rsi after it
number: xor     eax, eax
.blank: mov     cl, [rsi]
        cmp     cl, ' '
        jne     .digit
        inc     rsi
        jmp     .blank
.digit: movzx   ecx, byte ptr [rsi]
        sub     ecx, '0'
        cmp     ecx, 9
        ja      .end
        imul    rax, rax, 10
        add     rax, rcx
        inc     rsi
        jmp     .digit
.end:   ret

        .align  8
gdt:    .quad   0
        .quad   0x00AF9B000000FFFF
        .quad   0x00CF93000000FFFF
        .quad   0x0000890000000067 | (BUFFER & 0xFFFFFF) << 16, 0      # a TSS nobody reads
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .long   gdt, 0
