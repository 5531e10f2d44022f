# guest_rows.s - guest state at the first entry, as rows of VMCS field and value.
#
# Source  SDM 3C, "Checks on the Guest State Area"; SDM 3A, "Processor State After Reset" (PAT, DR7)

        .equ    AR_DATA, put(AR_TYPE, 3) | AR_S | AR_P | AR_DB | AR_G
        .equ    AR_CODE32, put(AR_TYPE, 11) | AR_S | AR_P | AR_DB | AR_G
        .equ    AR_CODE64, put(AR_TYPE, 11) | AR_S | AR_P | AR_L | AR_G
        .equ    AR_TSS, put(AR_TYPE, 11) | AR_P
        .equ    FLAT_LIMIT, 0xFFFFFFFF
        .equ    TSS_LIMIT, 0x67

        .macro  ROW2 field, value
        .long   VMCS_\field
        .quad   \value
        .endm
        .macro  SEGMENT name, selector, rights
        ROW2    GUEST_\name\()_SELECTOR, \selector
        ROW2    GUEST_\name\()_BASE, 0
        ROW2    GUEST_\name\()_LIMIT, FLAT_LIMIT
        ROW2    GUEST_\name\()_ACCESS_RIGHTS, \rights
        .endm

guest_any:
        SEGMENT ES, GUEST_DS, AR_DATA
        SEGMENT SS, GUEST_DS, AR_DATA
        SEGMENT DS, GUEST_DS, AR_DATA
        SEGMENT FS, GUEST_DS, AR_DATA
        SEGMENT GS, GUEST_DS, AR_DATA
        ROW2    GUEST_LDTR_SELECTOR, 0
        ROW2    GUEST_LDTR_BASE, 0
        ROW2    GUEST_LDTR_LIMIT, 0
        ROW2    GUEST_LDTR_ACCESS_RIGHTS, AR_UNUSABLE
        ROW2    GUEST_TR_SELECTOR, 0
        ROW2    GUEST_TR_BASE, 0
        ROW2    GUEST_TR_LIMIT, TSS_LIMIT
        ROW2    GUEST_TR_ACCESS_RIGHTS, AR_TSS
        ROW2    GUEST_GDTR_BASE, 0
        ROW2    GUEST_GDTR_LIMIT, 0
        ROW2    GUEST_IDTR_BASE, 0
        ROW2    GUEST_IDTR_LIMIT, 0
        ROW2    GUEST_DR7, DR7_RESET
        ROW2    GUEST_RFLAGS, RFLAGS_ONE
        ROW2    GUEST_DEBUGCTL, 0
        ROW2    GUEST_SYSENTER_CS, 0
        ROW2    GUEST_SYSENTER_ESP, 0
        ROW2    GUEST_SYSENTER_EIP, 0
        ROW2    GUEST_PAT, PAT_RESET
        ROW2    GUEST_INTERRUPTIBILITY, 0
        ROW2    GUEST_ACTIVITY, ACTIVITY_ACTIVE
        ROW2    GUEST_PENDING_DEBUG, 0
        ROW2    VMCS_LINK_POINTER, NEVER
        .long   0xFFFFFFFF

guest_long:
        SEGMENT CS, GUEST_CS, AR_CODE64
        ROW2    GUEST_TR_SELECTOR, GUEST_TR
        ROW2    GUEST_TR_BASE, GUEST_TSS
        ROW2    GUEST_CR0, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
        ROW2    CR0_READ_SHADOW, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
        ROW2    GUEST_CR3, GUEST_TABLES
        ROW2    GUEST_CR4, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_VMXE
        ROW2    CR4_READ_SHADOW, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
        ROW2    GUEST_EFER, EFER_LME | EFER_LMA | EFER_NXE
        .long   0xFFFFFFFF

guest_flat:
        SEGMENT CS, GUEST_CS, AR_CODE32
        ROW2    GUEST_CR0, CR0_PE | CR0_ET | CR0_NE
        ROW2    CR0_READ_SHADOW, CR0_PE | CR0_ET
        ROW2    GUEST_CR3, 0
        ROW2    GUEST_CR4, CR4_VMXE
        ROW2    CR4_READ_SHADOW, 0
        ROW2    GUEST_EFER, 0
        .long   0xFFFFFFFF

        .balign 8
guest_gdt:
        .quad   0, 0
        .quad   GDT_CODE64                      # 0x10: 64-bit code
        .quad   GDT_DATA                        # 0x18: data
        .quad   0x00008B0000000067 | GUEST_TSS << 16    # 0x20: busy TSS
        .quad   0
guest_gdt_flat:
        .quad   0, 0
        .quad   GDT_CODE32                      # 0x10: 32-bit code
        .quad   GDT_DATA
        .quad   0, 0
