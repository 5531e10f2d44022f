/* Text on COM1, and the end of the run. */
#include "kernel.h"

void put(const char *text)
{
    for (; *text; text++) {
        while (!(in8(0x3FD) & 0x20)) {
        }
        out8(0x3F8, (uint8_t)*text);
    }
}

static void put_based(uint64_t value, unsigned base)
{
    char digits[32], *at = digits + sizeof digits;
    *--at = 0;
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    put(at);
}

void put_number(uint64_t value) { put_based(value, 10); }

void put_hex(uint64_t value)
{
    put("0x");
    put_based(value, 16);
}

void line(const char *name, uint64_t value)
{
    put(name);
    put(": ");
    put_number(value);
    put("\n");
}

void stop(uint32_t code)
{
    out32(0xF4, code);
    for (;;)
        __asm__ volatile("cli; hlt");
}
