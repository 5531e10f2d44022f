# pic.s - the 8259 pair of a partition: requests, masks, service, and its way to the processor.
#
# Edge-triggered inputs, fixed priorities; rotation counts as plain EOI; no poll mode, no special mask mode.
# Who asks decides whether INTR reaches a VP.  The root partition keeps such pairs for its children by this very file.
# Source  Intel 8259A data sheet, "Programming the 8259A"

        .record PIC
        .field  IRR, 1
        .field  ISR, 1
        .field  IMR, 1
        .field  BASE, 1
        .field  STEP, 1                         # initialization word that comes next: 2, 3, 4; 0 none
        .field  ICW4, 1                         # one is announced
        .field  SINGLE, 1
        .field  AUTO, 1                         # automatic EOI
        .field  READ_ISR, 1
        .field  ELCR, 7
        .endrecord
        .equ    PIC_MASTER, PART_PIC
        .equ    PIC_SLAVE, PART_PIC + PIC_SIZE
        .equ    CASCADE, 1 << IRQ_CASCADE

# pic_raise - An edge on an input.  Entry: edi = line 0..15, rbx = VP, rbp = partition.  Exit: nothing.  Changes rcx, rdx.
pic_raise:
        mov     ecx, edi
        and     ecx, 7
        mov     edx, edi
        shr     edx, 3
        shl     edx, 4
        lea     rdx, [rbp + rdx + PIC_MASTER]
        bts     dword ptr [rdx], ecx            # IRR is the first byte
        WORK    WORK_EVENT
        ret

# pic_chip - Entry: rdi = chip, esi = more requests.  Exit: eax = line above those in service, or negative.  Changes rdx.
pic_chip:
        movzx   eax, byte ptr [rdi + PIC_IRR]
        or      eax, esi
        movzx   edx, byte ptr [rdi + PIC_IMR]
        not     edx
        and     eax, edx
        bsf     eax, eax
        jz      1f
        movzx   edx, byte ptr [rdi + PIC_ISR]
        bsf     edx, edx
        jz      2f
        cmp     eax, edx
        jb      2f
1:      mov     eax, -1
2:      ret

# pic_asks - Exit: eax = line 0..15 that the pair's INTR stands for, or negative.  Entry: rbp = partition.
# Changes rcx, rdx, rdi, rsi.
pic_asks:
        lea     rdi, [rbp + PIC_SLAVE]
        xor     esi, esi
        call    pic_chip
        mov     ecx, eax
        xor     esi, esi
        test    ecx, ecx
        js      1f
        mov     esi, CASCADE
1:      lea     rdi, [rbp + PIC_MASTER]
        call    pic_chip
        cmp     eax, IRQ_CASCADE
        jne     2f
        test    ecx, ecx
        js      2f
        lea     eax, [rcx + 8]
2:      ret

# pic_accept - Acknowledge.  Entry: eax = line from pic_asks, rbp = partition.  Exit: edi = vector.  Changes rcx, rdx, rsi.
pic_accept:
        lea     rsi, [rbp + PIC_MASTER]
        mov     ecx, eax
        cmp     ecx, 8
        jb      pic_serve
        mov     ecx, IRQ_CASCADE                # the slave's line on the master first
        call    pic_serve
        mov     ecx, eax
        and     ecx, 7
        lea     rsi, [rbp + PIC_SLAVE]
# pic_serve - Entry: rsi = chip, ecx = line.  Exit: edi = vector.  Changes rdx.
pic_serve:
        mov     edx, 1
        shl     edx, cl
        cmp     byte ptr [rsi + PIC_AUTO], 0
        jne     1f
        or      [rsi + PIC_ISR], dl
1:      not     edx
        and     [rsi + PIC_IRR], dl
        movzx   edi, byte ptr [rsi + PIC_BASE]
        add     edi, ecx
        ret

# pic_place - Entry: edi = port, rbp = partition.  Exit: rsi = chip, zero flag set for its command port.  Changes nothing else.
pic_place:
        lea     rsi, [rbp + PIC_MASTER]
        cmp     edi, PORT_PIC2
        jb      1f
        lea     rsi, [rbp + PIC_SLAVE]
1:      test    edi, 1
        ret

# pic_read - Entry, Exit, Keeps: as a device of port_read.
pic_read:
        call    pic_place
        mov     al, [rsi + PIC_IMR]
        jnz     1f
        mov     al, [rsi + PIC_IRR]
        cmp     byte ptr [rsi + PIC_READ_ISR], 0
        je      1f
        mov     al, [rsi + PIC_ISR]
1:      ret

# pic_write - Entry: edi = port, edx = value, rbx = VP, rbp = partition.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
pic_write:
        WORK    WORK_EVENT
        call    pic_place
        jnz     pic_data
        test    dl, 0x10
        jnz     pic_icw1
        test    dl, 0x08
        jnz     pic_ocw3
        mov     eax, edx                        # OCW2: bit 5 EOI, bit 6 for the line in bits 2:0
        test    al, 0x20
        jz      .done
        movzx   ecx, byte ptr [rsi + PIC_ISR]
        bsf     ecx, ecx
        jz      .done
        test    al, 0x40
        jz      1f
        mov     ecx, eax
        and     ecx, 7
1:      btr     dword ptr [rsi + PIC_ISR], ecx
.done:  ret
pic_ocw3:
        test    dl, 2
        jz      pic_write.done
        and     dl, 1
        mov     [rsi + PIC_READ_ISR], dl
        ret
pic_icw1:
        mov     dword ptr [rsi], 0              # requests, service, masks, base
        mov     byte ptr [rsi + PIC_STEP], 2
        mov     al, dl
        and     al, 1
        mov     [rsi + PIC_ICW4], al
        shr     dl, 1
        and     dl, 1
        mov     [rsi + PIC_SINGLE], dl
        mov     word ptr [rsi + PIC_AUTO], 0
        ret
pic_data:
        movzx   eax, byte ptr [rsi + PIC_STEP]
        cmp     al, 2
        je      3f
        ja      4f
        mov     [rsi + PIC_IMR], dl
        ret
3:      and     dl, 0xF8
        mov     [rsi + PIC_BASE], dl
        inc     eax
        cmp     byte ptr [rsi + PIC_SINGLE], 0
        je      6f
        jmp     5f
4:      cmp     al, 4
        je      7f
5:      mov     eax, 4                          # ICW3 says what we know
        cmp     byte ptr [rsi + PIC_ICW4], 0
        jne     6f
        xor     eax, eax
6:      mov     [rsi + PIC_STEP], al
        ret
7:      shr     dl, 1
        and     dl, 1
        mov     [rsi + PIC_AUTO], dl
        xor     eax, eax
        jmp     6b

# elcr_read - Edge/level control: kept, all our inputs are edges.  Entry, Exit, Keeps: as a device of port_read.
elcr_read:
        call    elcr_place
        mov     al, [rsi]
        ret
# elcr_write - Entry, Exit, Keeps: as a device of port_write.
elcr_write:
        call    elcr_place
        mov     [rsi], dl
        ret
# elcr_place - Entry: edi = port, rbp = partition.  Exit: rsi = where its bits are.  Changes nothing else.
elcr_place:
        lea     rsi, [rbp + PIC_MASTER + PIC_ELCR]
        cmp     edi, PORT_ELCR1
        je      1f
        add     rsi, PIC_SIZE
1:      ret
