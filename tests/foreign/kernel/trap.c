/* Descriptor tables, the interrupt table, what each vector does, and the timer of the local APIC. */
#include "kernel.h"

#define APIC(offset) (*(volatile uint32_t *)(uintptr_t)(0xFEE00000u + (offset)))

extern char stubs[];
volatile unsigned ticks, user_ticks, faults[32];
static unsigned calls;
uint8_t task[104] __attribute__((aligned(16)));
static uint64_t gdt[7] __attribute__((aligned(16)));
static uint32_t idt[129][sizeof(uintptr_t) / 2] __attribute__((aligned(16)));

static void load(const void *table, unsigned bytes, int interrupts)
{
    struct __attribute__((packed)) { uint16_t limit; uintptr_t base; } at = { (uint16_t)(bytes - 1), (uintptr_t)table };
    if (interrupts)
        __asm__ volatile("lidt %0" : : "m"(at));
    else
        __asm__ volatile("lgdt %0" : : "m"(at));
}

static void gate(unsigned vector, unsigned level)
{
    uintptr_t stub = (uintptr_t)stubs + 16 * vector;
    idt[vector][0] = KERNEL_CODE << 16 | (stub & 0xFFFF);
    idt[vector][1] = (uint32_t)(stub & 0xFFFF0000) | 0x8E00 | level << 13;
#ifdef __x86_64__
    idt[vector][2] = (uint32_t)(stub >> 32);
#endif
}

void descriptors(void)
{
    uint64_t base = (uintptr_t)task, flags = sizeof base == sizeof(uintptr_t) ? 0x00A0 : 0x00C0;
    gdt[1] = 0x000F9B000000FFFF | flags << 48;
    gdt[2] = 0x00CF93000000FFFF;
    gdt[3] = 0x000FFB000000FFFF | flags << 48;
    gdt[4] = 0x00CFF3000000FFFF;
    gdt[5] = 103 | (base & 0xFFFFFF) << 16 | 0x89ull << 40 | (base >> 24 & 0xFF) << 56;
    gdt[6] = base >> 32;
#ifndef __x86_64__
    task[8] = KERNEL_DATA;
#endif
    load(gdt, sizeof gdt, 0);
    __asm__ volatile(
#ifdef __x86_64__
        "push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:"
#else
        "push %0; push $1f; lret; 1:"
#endif
        : : "i"(KERNEL_CODE) : "eax", "memory");
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; ltr %w1" : : "r"(KERNEL_DATA), "r"(TASK));
    for (unsigned vector = 0; vector < 129; vector++)
        gate(vector, vector == 3 || vector == SYSCALL ? 3 : 0);
    load(idt, sizeof idt, 1);
}

static void unexpected(struct frame *frame)
{
    put("unexpected vector ");
    put_number(frame->vector);
    put(" error ");
    put_hex(frame->error);
    put(" at ");
    put_hex(frame->ip);
    put("\n");
    stop(1);
}

static void system_call(struct frame *frame)
{
    if (frame->ax == 1) {
        line("system calls", calls);
        user_leave((unsigned)frame->bx);
    }
    calls++;
}

void trap(struct frame *frame)
{
    if (frame->vector < 32)
        faults[frame->vector]++;
    if (frame->vector == TIMER) {
        ticks++;
        user_ticks += frame->cs == USER_CODE;
        timer_acknowledge();
    } else if (frame->vector == SYSCALL) {
        system_call(frame);
    } else if (frame->cs == USER_CODE && (frame->vector == 13 || frame->vector == 14)) {
        page_faults[7 & frame->error] += frame->vector == 14;
        frame->ip += (uint8_t)frame->dx;
    } else if (frame->vector == 14) {
        page_fault(frame);
    } else if (frame->vector == 0 || frame->vector == 6) {
        frame->ip += 2;                          /* DIV ECX and UD2 of main.c */
    } else if (frame->vector != 3) {
        unexpected(frame);
    }
}

void timer_start(uint32_t count)
{
    APIC(0xF0) = 0x100 | SPURIOUS;
    APIC(0x3E0) = 0xB;                           /* divide by 1 */
    APIC(0x320) = 0x20000 | TIMER;               /* periodic */
    APIC(0x380) = count;
}

void timer_stop(void) { APIC(0x380) = 0; }

void timer_acknowledge(void) { APIC(0xB0) = 0; }
