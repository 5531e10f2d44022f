# svm.s - the CPUID round trip under SVM with nested paging, for emulators that have no VMX.
#
# Entry   rdi = count
# Exit    rax = 0, or 2 with rcx = exit code
# Source  AMD64 Architecture Programmer's Manual 2, "VMCB Layout", "Nested Paging"

        .equ    SVM_CPUID, 0x72
        .equ    MSR_HSAVE, 0xC0010117
        .equ    EFER_SVME, 1 << 12
        .equ    VMCB_EXITCODE, 0x70
        .equ    VMCB_RIP, 0x578
        .macro  WORD32 at, value
        .long   \at, \value
        .endm
        .macro  SVM_SEGMENT at, selector, attributes, limit, base
        WORD32  \at, (\selector) | (\attributes) << 16
        WORD32  \at + 4, \limit
        WORD32  \at + 8, \base
        .endm

loop_svm:
        mov     r12, rdi
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_SVME
        wrmsr
        mov     ecx, MSR_HSAVE
        mov     eax, HOST_SAVE
        xor     edx, edx
        wrmsr
        call    nested_build
        lea     rsi, [rel vmcb_rows]
.row:   mov     ecx, [rsi]
        mov     eax, [rsi + 4]
        mov     [rcx + VMCB_PAGE], eax
        add     rsi, 8
        lea     rax, [rel vmcb_rows_end]
        cmp     rsi, rax
        jb      .row
        mov     rax, cr4
        mov     [VMCB_PAGE + 0x548], rax
        mov     rax, cr3
        mov     [VMCB_PAGE + 0x550], rax
        mov     rax, cr0
        mov     [VMCB_PAGE + 0x558], rax
        lea     rax, [rel guest_cpuid]
        mov     [VMCB_PAGE + VMCB_RIP], rax
        mov     r13d, VMCB_PAGE
        mov     rax, r13
        vmsave  rax
.exit:  mov     rax, r13
        vmrun   rax
        cmp     qword ptr [r13 + VMCB_EXITCODE], SVM_CPUID
        jne     .other
        add     qword ptr [r13 + VMCB_RIP], 2
        dec     r12
        jne     .exit
        stgi
        xor     eax, eax
        ret
.other: mov     rcx, [r13 + VMCB_EXITCODE]
        stgi
        mov     eax, 2
        ret

# nested_build - EPT_PML4 again, as ordinary page tables: 4 GiB at themselves.  Changes rax, rcx
nested_build:
        call    ept_build
        xor     ecx, ecx
.pd:    mov     eax, ecx
        shl     rax, 21
        or      rax, PTE_P | PTE_RW | PTE_US | 1 << 7
        mov     [rcx*8 + EPT_PML4 + 0x2000], rax
        inc     ecx
        cmp     ecx, 2048
        jb      .pd
        ret

        .align  8
vmcb_rows:
        WORD32  0x00C, 1 << 18                  # intercept CPUID
        WORD32  0x010, 1                        # and VMRUN, as it must be
        WORD32  0x058, 1                        # ASID
        WORD32  0x090, 1                        # nested paging
        WORD32  0x0B0, EPT_PML4
        WORD32  0x668, 0x00070406               # PAT
        WORD32  0x66C, 0x00070406
        SVM_SEGMENT 0x400, DATA, 0xC93, 0xFFFFFFFF, 0
        SVM_SEGMENT 0x410, CODE, 0xA9B, 0xFFFFFFFF, 0
        SVM_SEGMENT 0x420, DATA, 0xC93, 0xFFFFFFFF, 0
        SVM_SEGMENT 0x430, DATA, 0xC93, 0xFFFFFFFF, 0
        SVM_SEGMENT 0x460, 0, 0, 0x27, gdt
        SVM_SEGMENT 0x490, TASK, 0x8B, 0x67, BUFFER
        WORD32  0x4D0, EFER_LME | EFER_LMA | EFER_SVME
        WORD32  0x560, 0x400                    # DR7
        WORD32  0x568, 0xFFFF0FF0               # DR6
        WORD32  0x570, RFLAGS_ONE
        WORD32  0x5D8, GUEST_STACK
vmcb_rows_end:
