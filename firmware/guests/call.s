# call.s - finding the hypervisor, and calling it.
#
# Source  TLFS, "Feature and Interface Discovery", "Establishing the Hypercall Interface", "Hypercall Inputs"

        .equ    GUEST_OS, 0x8100000000010000    # open source, identity 1, version 1

# call_init - Identify ourselves, have the hypercall page put at call_page.
# Entry: nothing.  Exit: zero flag set when there is no hypervisor that we know.  Changes rax, rcx, rdx.
call_init:
        push    rbx
        mov     eax, 1
        cpuid
        bt      ecx, 31                         # a hypervisor is present
        jnc     1f
        mov     eax, HVLEAF_INTERFACE
        cpuid
        cmp     eax, HVTEXT_INTERFACE
        jne     1f
        WRMSR   HVMSR_GUEST_OS_ID, GUEST_OS
        lea     rax, [rel call_page]
        or      rax, HVPAGE_ENABLE
        WRMSR   HVMSR_HYPERCALL, rax
        mov     dword ptr [rel call_ready], 1
1:      pop     rbx
        cmp     dword ptr [rel call_ready], 0
        ret

# hypercall - Entry: rcx = input value, rdx and r8 = parameters.  Exit: rax = result.  Changes r9-r11.
hypercall:
        lea     rax, [rel call_page]
        jmp     rax

        .align  8
call_ready:     .quad 0
        .align  4096
# call_page - The hypervisor's code.  Entry: rcx = input value, rdx, r8 = parameters.  Exit: rax = result.  Changes nothing else.
call_page:      .fill 4096, 1, 0xCC
