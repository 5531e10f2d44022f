/* Page tables: everything at itself, and a region whose pages exist once touched: zero and read-only, then written. */
#include "kernel.h"

#define PRESENT ((uintptr_t)1)
#define WRITABLE ((uintptr_t)2)
#define OPEN ((uintptr_t)4)
#define ENTRIES (PAGE / sizeof(uintptr_t))

volatile unsigned page_faults[8];
static uint8_t frames[LAZY_PAGES][PAGE] __attribute__((aligned(4096))), zeros[PAGE] __attribute__((aligned(4096)));
static uint8_t user_code[PAGE] __attribute__((aligned(4096)));
static uintptr_t lazy[ENTRIES] __attribute__((aligned(4096)));
#ifdef __x86_64__
extern uintptr_t top[ENTRIES];
static uintptr_t lazy_directories[ENTRIES] __attribute__((aligned(4096))), lazy_tables[ENTRIES] __attribute__((aligned(4096)));
#else
static uintptr_t top[ENTRIES] __attribute__((aligned(4096)));
#endif
static unsigned used;

void paging(void)
{
#ifdef __x86_64__
    top[LAZY >> 39 & 511] = (uintptr_t)lazy_directories | PRESENT | WRITABLE | OPEN;
    lazy_directories[0] = (uintptr_t)lazy_tables | PRESENT | WRITABLE | OPEN;
    lazy_tables[0] = (uintptr_t)lazy | PRESENT | WRITABLE | OPEN;
#else
    for (uintptr_t i = 0; i < ENTRIES; i++)
        top[i] = i << 22 | 0x80 | PRESENT | WRITABLE;
    top[LAZY >> 22] = (uintptr_t)lazy | PRESENT | WRITABLE | OPEN;
    __asm__ volatile("mov %0, %%cr3; mov %%cr0, %0; or $0x80010000, %0; mov %0, %%cr0" : "+r"(*(uintptr_t[]){ (uintptr_t)top }) : : "memory");
#endif
}

static void reload(void)
{
    uintptr_t value;
    __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(value) : : "memory");
}

void forget_lazy_pages(void)
{
    for (unsigned i = 0; i < LAZY_PAGES; i++)
        lazy[i] = 0;
    used = 0;
    reload();
}

void user_page(const void *code, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        user_code[i] = ((const uint8_t *)code)[i];
    lazy[LAZY_PAGES] = (uintptr_t)user_code | PRESENT | WRITABLE | OPEN;
}

void page_fault(struct frame *frame)
{
    uintptr_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    uintptr_t page = (address - LAZY) / PAGE;
    if (page >= LAZY_PAGES || frame->error > 3 || used >= LAZY_PAGES) {
        put("page fault at ");
        put_hex(address);
        put(" error ");
        put_hex(frame->error);
        put("\n");
        stop(2);
    }
    page_faults[frame->error]++;
    if (!(frame->error & 2)) {
        lazy[page] = (uintptr_t)zeros | PRESENT;
        return;
    }
    uint8_t *frame_of_page = frames[used++];
    for (unsigned i = 0; i < PAGE; i++)
        frame_of_page[i] = 0;
    lazy[page] = (uintptr_t)frame_of_page | PRESENT | WRITABLE;
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}
