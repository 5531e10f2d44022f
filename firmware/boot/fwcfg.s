# fwcfg.s - what the machine says about itself.
#
# Source  QEMU, "QEMU Firmware Configuration (fw_cfg) Device"

        .code32
# fwcfg_read - Fill magic, processors and memory of the boot information.  Entry: nothing.  Exit: nothing.
# Changes eax, ecx, edx, edi.
fwcfg_read:
        mov     edi, LOW_BOOT
        mov     ecx, BOOT_SIZE / 4
        xor     eax, eax
        rep stosd
        mov     dword ptr [LOW_BOOT + BOOT_MAGIC], lo32(BOOTVALUE_MAGIC)
        mov     dword ptr [LOW_BOOT + BOOT_MAGIC + 4], hi32(BOOTVALUE_MAGIC)
        mov     dword ptr [LOW_BOOT + BOOT_MAILBOXES], LOW_MAILBOXES
        mov     dword ptr [LOW_BOOT + BOOT_BLOCK], LOW_BLOCK

        mov     eax, FWCFG_RAM_SIZE
        mov     edi, LOW_BOOT + BOOT_MEMORY
        mov     ecx, 8
        call    fwcfg_item
        mov     eax, FWCFG_PROCESSORS
        mov     edi, LOW_BOOT + BOOT_PROCESSORS
        mov     ecx, 2

# fwcfg_item - Copy an item.  Entry: ax = its key, ecx = bytes, edi = where they go.  Exit: nothing.  Changes ecx, edx, edi.
fwcfg_item:
        mov     dx, PORT_FW_SELECTOR
        out     dx, ax
        mov     dx, PORT_FW_DATA
        rep insb
        ret
