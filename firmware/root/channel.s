# channel.s - the host: commands in the mailbox, answers and news by the partition console's port.
#
# Source  firmware/root/README.md, "Channel", "Commands"

        .record MAIL
        .field  SEQUENCE, 4                     # another number: a command
        .field  OP, 4                           # ROOTOP
        .field  SLOT, 8
        .field  FIRST, 8                        # arguments
        .field  SECOND, 8
        .endrecord

# channel_say - Entry: al = ROOTSAY, ah = slot, ecx = bytes of `said`.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
channel_say:
        push    rbx
        mov     ebx, eax
        call    channel_byte                    # kind
        mov     al, bh
        call    channel_byte                    # slot
        mov     al, cl
        call    channel_byte                    # how many follow
        lea     rsi, [rel said]
1:      test    ecx, ecx
        jz      2f
        lodsb
        call    channel_byte
        dec     ecx
        jmp     1b
2:      pop     rbx
        ret
# channel_byte - Entry: al.  Exit: nothing.  Changes rax, rdx.
channel_byte:
        mov     ah, al
        mov     al, CHANNEL_TAG_CHANNEL
        mov     edx, PORT_PARTITION
        out     dx, ax
        ret

# mailbox_serve - A command, if there is a new one; its answer has its number.  Entry: nothing.  Exit: nothing.
# Keeps rbx, rbp, r12-r15.
mailbox_serve:
        mov     eax, [ROOTS_MAILBOX + MAIL_SEQUENCE]
        cmp     eax, [rel sequence]
        je      2f
        mov     [rel sequence], eax
        mov     edi, [ROOTS_MAILBOX + MAIL_SLOT]
        mov     rsi, [ROOTS_MAILBOX + MAIL_FIRST]
        mov     r9, [ROOTS_MAILBOX + MAIL_SECOND]
        xor     edx, edx
        mov     ecx, [ROOTS_MAILBOX + MAIL_OP]
        mov     eax, ROOTSTATUS_UNKNOWN
        cmp     ecx, OPS
        jae     1f
        lea     rax, [rel ops]
        call    qword ptr [rax + rcx*8]
1:      mov     ecx, [rel sequence]
        mov     [rel said], ecx
        mov     [rel said + 4], eax
        mov     [rel said + 8], rdx
        mov     eax, ROOTSAY_REPLY
        mov     ecx, 16
        jmp     channel_say
2:      ret
# op_unknown - Entry, Exit, Keeps: as a command of ops.
op_unknown:
        mov     eax, ROOTSTATUS_UNKNOWN
        ret
# op_hello - How many pages of its pool are free.  Entry, Exit, Keeps: as a command of ops.
op_hello:
        call    winhv_clear
        mov     qword ptr [INPUT], SELF_ID
        call    winhv_memory_balance
        mov     rdx, [OUTPUT]
        ret
        .balign 8
# ops - Commands by ROOTOP.  Entry: edi = slot, rsi, r9 = arguments.  Exit: eax = status, rdx = what the answer has besides.
# Keeps rbx, rbp, r12-r15.
ops:    .quad   op_unknown, op_hello, vm_create, vm_start, vm_pause, vm_resume, vm_stop, disk_done, vm_read, vm_write, vm_save, vm_restore
        .equ    OPS, (. - ops) / 8
