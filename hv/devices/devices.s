# devices.s - the small devices at a partition's ports.  Calling convention: port_table.s.
#
# None of them reaches anything outside the partition but the console port.
# Source  hv/README.md, "What a partition finds"; ACPI, "PM1 Control Registers", "Power Management Timer"

# ignore_write - Nothing is there.  Entry, Exit, Keeps: as a device of port_write.
ignore_write:
        ret

# ---- debug exit: four bytes, the code ends the partition ----
# exit_port_read - Entry, Exit, Keeps: as a device of port_read.
exit_port_read:
        xor     eax, eax
        ret
# exit_port_write - The code ends the partition.  Entry, Exit, Keeps: as a device of port_write.
exit_port_write:
        cmp     edi, PORT_DEBUG_EXIT
        jne     ignore_write
        mov     eax, 0xFFFFFFFF                 # narrower writes: what they carry
        cmp     esi, 4
        je      1f
        lea     ecx, [rsi*8]
        mov     eax, 1
        shl     eax, cl
        dec     eax
1:      and     edx, eax
        mov     esi, edx
        jmp     partition_ends

# ---- debug consoles and POST code ----
# debug_read - Its own number: it is there.  Entry, Exit, Keeps: as a device of port_read.
debug_read:
        mov     eax, PORT_DEBUG_CONSOLE         # reads its own number: it is there
        ret
# debug_write - A character of the partition's.  Entry, Exit, Keeps: as a device of port_write.
debug_write:
        mov     al, dl
        jmp     partition_putc
# post_read - Entry, Exit, Keeps: as a device of port_read.
post_read:
        mov     eax, [rbp + PART_POST]
        ret
# post_write - Entry, Exit, Keeps: as a device of port_write.
post_write:
        mov     [rbp + PART_POST], edx
        ret

# ---- 8042: no keyboard; the reset pulse ends the partition ----
        .equ    KEYBOARD_IDLE, 0x1C             # unlocked, last write a command, self-test passed, buffers empty
        .equ    KEYBOARD_PULSE_RESET, 0xFE
# keyboard_read - The status.  Entry, Exit, Keeps: as a device of port_read.
keyboard_read:
        mov     eax, KEYBOARD_IDLE
        ret
# keyboard_data - Entry, Exit, Keeps: as a device of port_read.
keyboard_data:
        xor     eax, eax
        ret
# keyboard_write - Entry, Exit, Keeps: as a device of port_write.
keyboard_write:
        cmp     edx, KEYBOARD_PULSE_RESET
        jne     ignore_write
        jmp     reset_now
# system_a_read - Entry, Exit, Keeps: as a device of port_read.
system_a_read:
        mov     eax, [rbp + PART_SYSTEM_A]
        or      eax, 2                          # A20 is always open
        ret
# system_a_write - Entry, Exit, Keeps: as a device of port_write.
system_a_write:
        mov     [rbp + PART_SYSTEM_A], edx
        test    edx, 1
        jnz     reset_now
        ret
# reset_read - A byte register inside the PCI configuration address, which is not there.
# Entry, Exit, Keeps: as a device of port_read.
reset_read:
        call    reset_meant
        mov     eax, -1
        jne     1f
        mov     eax, [rbp + PART_RESET_CONTROL]
1:      ret
# reset_meant - Entry: edi = port, esi = bytes.  Exit: zero flag set for a byte at the reset control register.
# Keeps every register.
reset_meant:
        cmp     edi, PORT_RESET_CONTROL
        jne     2f
        cmp     esi, 1
2:      ret
# reset_write - Entry, Exit, Keeps: as a device of port_write.
reset_write:
        call    reset_meant
        jne     ignore_write
        movzx   edx, dl
        mov     eax, [rbp + PART_RESET_CONTROL]
        mov     [rbp + PART_RESET_CONTROL], edx
        not     eax
        and     eax, edx
        test    eax, RESETCTL_RESET
        jz      ignore_write
reset_now:
        mov     esi, CODE_RESET
        jmp     partition_ends

# ---- fw_cfg: signature, interface, processors, memory ----
        .equ    FW_SIGNATURE, 0
        .equ    FW_ID, 1
        .equ    FW_RAM_SIZE, 3
        .equ    FW_PROCESSORS, 5
# fw_write - Choose an item.  Entry, Exit, Keeps: as a device of port_write.
fw_write:
        cmp     edi, PORT_FW_SELECTOR
        jne     ignore_write
        mov     [rbp + PART_FW_SELECTOR], dx
        mov     dword ptr [rbp + PART_FW_OFFSET], 0
        ret
# fw_read - Its next byte.  Entry, Exit, Keeps: as a device of port_read.
fw_read:
        xor     eax, eax
        cmp     edi, PORT_FW_DATA
        jne     1f
        movzx   edx, word ptr [rbp + PART_FW_SELECTOR]
        mov     eax, 0x554D4551                 # "QEMU"
        cmp     edx, FW_SIGNATURE
        je      2f
        mov     eax, 1
        cmp     edx, FW_ID
        je      2f
        call    vps_count
        cmp     edx, FW_PROCESSORS
        je      2f
        mov     rax, [rbp + PART_MEMORY]
        cmp     edx, FW_RAM_SIZE
        je      2f
        xor     eax, eax
2:      mov     ecx, [rbp + PART_FW_OFFSET]
        inc     dword ptr [rbp + PART_FW_OFFSET]
        cmp     ecx, 8
        jae     3f
        shl     ecx, 3
        shr     rax, cl
        movzx   eax, al
1:      ret
3:      xor     eax, eax
        ret

# console_write - The root writes on the consoles of partitions as the hypervisor does: number, character in bits 15:8.
# Entry, Exit, Keeps: as a device of port_write.
console_write:
        test    dword ptr [rbp + PART_FLAGS], ROOT
        jz      ignore_write
        mov     eax, edx
        mov     edx, PORT_PARTITION
        out     dx, ax
        ret
# ones_read - Nothing is there.  Entry, Exit, Keeps: as a device of port_read.
ones_read:
        mov     eax, -1
        ret
