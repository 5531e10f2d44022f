# serve.s - messages of the children: who it is, what it wants, the answer.
#
# Source  TLFS, "Intercept Message Formats"; firmware/root/README.md, "Life of an intercept"

        .equ    SEEN, SIM_PAGE + SLOTS_DATA     # the payload
        .equ    SEEN_LENGTH, SEEN + 4
        .equ    SEEN_WRITE, SEEN + 5
        .equ    SEEN_RIP, SEEN + 24
        .equ    SEEN_PORT, SEEN + 40
        .equ    SEEN_INFO, SEEN + 42
        .equ    SEEN_RAX, SEEN + 48

# messages_serve - One message of SINT 0: a child that asks all the time does not keep the host waiting.  Entry: nothing.
# Exit: nothing.  Keeps r12-r15.
messages_serve:
        cmp     dword ptr [SIM_PAGE], HVMESSAGE_NONE
        je      4f
        mov     rax, [SIM_PAGE + SLOTS_ORIGIN]
        lea     rbx, [rel vms]
        mov     ecx, ROOTS_SLOTS
1:      cmp     [rbx + VM_ID], rax
        je      2f
        add     rbx, VM_BYTES
        dec     ecx
        jnz     1b
        jmp     message_done                    # nobody that we know
2:      mov     eax, HVMESSAGE_IO_INTERCEPT
        cmp     [SIM_PAGE], eax
        jne     vm_fails
        test    byte ptr [SEEN_INFO], 1 << 3
        jnz     vm_fails                        # string instructions are not answered
        movzx   edi, word ptr [SEEN_PORT]
        movzx   esi, byte ptr [SEEN_INFO]
        and     esi, 7                          # bytes
        mov     edx, [SEEN_RAX]
        mov     rbp, rbx                        # as the devices of hv/ have it
        cmp     byte ptr [SEEN_WRITE], 0
        jne     3f
        call    port_read                       # eax
        movzx   esi, byte ptr [SEEN_INFO]
        and     esi, 7                          # bytes
        call    vm_merge                        # rdx = its RAX
        jmp     vm_goes_on
3:      call    port_write
        mov     rdx, [SEEN_RAX]
        cmp     qword ptr [rbx + VM_STATE], ROOTVM_FAILED
        je      5f
        jmp     vm_goes_on
5:      jmp     message_done                    # it has ended: it stays suspended
4:      ret

# message_done - The slot is free for the next one.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx.
message_done:
        mov     dword ptr [SIM_PAGE], HVMESSAGE_NONE
        MSR     HVMSR_EOM, 0
        ret

# vm_merge - What IN leaves in RAX.  Entry: eax = value, esi = bytes.  Exit: rdx.  Changes rcx.
vm_merge:
        mov     rdx, [SEEN_RAX]
        cmp     esi, 2
        je      1f
        ja      2f
        mov     dl, al
        ret
1:      mov     dx, ax
        ret
2:      mov     edx, eax
        ret

# vm_goes_on - After its instruction, with rdx in RAX.
vm_goes_on:
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     eax, [SEEN]
        mov     [INPUT + 8], eax                # its VP
        mov     dword ptr [INPUT + 16], HVREG_RAX
        mov     [INPUT + 32], rdx
        mov     dword ptr [INPUT + 48], HVREG_RIP
        movzx   eax, byte ptr [SEEN_LENGTH]
        and     eax, 15
        add     rax, [SEEN_RIP]
        mov     [INPUT + 64], rax
        mov     dword ptr [INPUT + 80], HVREG_INTERCEPT_SUSPEND
        call    message_done
        mov     edx, 3
        jmp     winhv_set_registers

# vm_fails - The message is none that we can answer: the machine stays as it is, the host gets a report.
vm_fails:
        mov     qword ptr [rbx + VM_STATE], ROOTVM_FAILED
        mov     eax, [SIM_PAGE]
        mov     [rel said], rax
        mov     rax, [SEEN_RIP]
        mov     [rel said + 8], rax
        call    message_done
        call    vm_number
        mov     ah, al
        mov     al, ROOTSAY_FAILED
        mov     ecx, 16
        jmp     channel_say
