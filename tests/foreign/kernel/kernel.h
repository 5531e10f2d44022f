/* A small multiboot kernel, compiled for 32-bit or 64-bit mode: what its parts offer each other. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u
#define LAZY_PAGES 256u                          /* pages that exist only once they are touched */
#ifdef __x86_64__
#define LAZY ((uintptr_t)0xFFFF900000000000)
#else
#define LAZY ((uintptr_t)0x40000000)
#endif
#define USER (LAZY + LAZY_PAGES * PAGE)          /* the page of the program at privilege level 3 */

enum { TIMER = 0x40, SPURIOUS = 0x4F, SYSCALL = 0x80 };
enum { KERNEL_CODE = 0x08, KERNEL_DATA = 0x10, USER_CODE = 0x1B, USER_DATA = 0x23, TASK = 0x28 };

/* What the entry stubs of boot.S leave on the stack. */
struct frame {
#ifdef __x86_64__
    uintptr_t r15, r14, r13, r12, r11, r10, r9, r8;
#endif
    uintptr_t di, si, bp, bx, dx, cx, ax, vector, error, ip, cs, flags, sp, ss;
};

extern volatile unsigned ticks, user_ticks, faults[32], page_faults[8];

void descriptors(void);
void paging(void);
void forget_lazy_pages(void);
void user_page(const void *code, size_t bytes);
void page_fault(struct frame *frame);
void timer_start(uint32_t count);
void timer_stop(void);
void timer_acknowledge(void);
unsigned user_run(uintptr_t entry, uintptr_t stack);
void user_leave(unsigned value) __attribute__((noreturn));

void put(const char *text);
void put_number(uint64_t value);
void put_hex(uint64_t value);
void line(const char *name, uint64_t value);
void stop(uint32_t code) __attribute__((noreturn));

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

#endif
