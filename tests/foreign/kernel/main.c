/* What the kernel does, and says: nothing that it prints depends on time or on the machine around it. */
#include "kernel.h"

#define TICKS 50
#define TABLE 65536

extern const char user_begin[], user_end[];
static uint32_t crc_table[256];
static uint32_t numbers[TABLE];

struct information {
    uint32_t flags, lower, upper, boot_device, command_line, module_count, modules, symbols[4], map_bytes, map;
} __attribute__((packed));

static uint32_t checksum(const uint8_t *data, size_t bytes)
{
    uint32_t crc = ~0u;
    while (bytes--)
        crc = crc_table[(crc ^ *data++) & 0xFF] ^ crc >> 8;
    return ~crc;
}

static void checksum_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (0xEDB88320u & -(value & 1));
        crc_table[i] = value;
    }
}

static void told(const struct information *info)
{
    put("command line: ");
    put((const char *)(uintptr_t)info->command_line);
    put("\n");
    line("KiB above 1 MiB", info->upper);
}

static void lazy_memory(void)
{
    volatile uint8_t *memory = (volatile uint8_t *)LAZY;
    for (int round = 0; round < 4; round++) {
        unsigned sum = 0;
        for (unsigned page = 0; page < LAZY_PAGES; page++)
            sum += memory[page * PAGE + 17 * page % PAGE];
        for (unsigned page = 0; page < LAZY_PAGES; page += 2)
            for (unsigned at = page; at < PAGE; at += 61)
                memory[page * PAGE + at] = (uint8_t)(page + at + (unsigned)round);
        put("lazy memory: ");
        put_number(sum);
        put(" then ");
        put_hex(checksum((const uint8_t *)LAZY, LAZY_PAGES * PAGE));
        put("\n");
        forget_lazy_pages();
    }
    line("page faults, read", page_faults[0]);
    line("page faults, write to read-only", page_faults[3]);
}

static void exceptions(void)
{
    __asm__ volatile("ud2");
    __asm__ volatile("int3");
    __asm__ volatile("div %%ecx" : : "a"(1), "d"(0), "c"(0));
    line("divide errors", faults[0]);
    line("breakpoints", faults[3]);
    line("invalid opcodes", faults[6]);
}

static double arithmetic(void)
{
    double sum = 0, sign = 1;
    for (int i = 0; i < 100000; i++, sign = -sign)
        sum += sign / (2 * i + 1);
    return 4 * sum;
}

static void sort(uint32_t *from, uint32_t count)
{
    for (uint32_t gap = count / 2; gap; gap /= 2)
        for (uint32_t i = gap; i < count; i++) {
            uint32_t value = from[i], at = i;
            for (; at >= gap && from[at - gap] > value; at -= gap)
                from[at] = from[at - gap];
            from[at] = value;
        }
}

static void with_ticks(void)
{
    uint32_t seed = 1, wrong = 0, rounds = 0;
    for (unsigned i = 0; i < TABLE; i++)
        numbers[i] = seed = seed * 1664525 + 1013904223;
    uint32_t before = checksum((const uint8_t *)numbers, sizeof numbers);
    double number = arithmetic();
    timer_start(200000);
    __asm__ volatile("sti");
    for (; ticks < TICKS || rounds < 3; rounds++) {
        wrong += checksum((const uint8_t *)numbers, sizeof numbers) != before;
        wrong += arithmetic() != number;
    }
    sort(numbers, TABLE);
    put("checksum ");
    put_hex(before);
    put(" sorted ");
    put_hex(checksum((const uint8_t *)numbers, sizeof numbers));
    put(" pi ");
    put_number((uint64_t)(number * 1e9));
    put("\n");
    line("wrong with ticks between", wrong);
    unsigned until = ticks + TICKS;
    while (ticks < until)
        __asm__ volatile("hlt");
    line("ticks waited for", TICKS);
}

static void level_3(void)
{
    user_page(user_begin, (size_t)(user_end - user_begin));
    line("value from level 3", user_run(USER, USER + PAGE));
    line("general protection faults", faults[13]);
    line("page faults, level 3 read", page_faults[5]);
    line("page faults, level 3 write", page_faults[7]);
    line("ticks came at level 3", user_ticks > 0);
}

void main(uint32_t magic, const struct information *info)
{
    put(sizeof(void *) == 8 ? "64-bit kernel\n" : "32-bit kernel\n");
    if (magic != 0x2BADB002)
        stop(3);
    told(info);
    descriptors();
    paging();
    checksum_table();
    exceptions();
    lazy_memory();
    with_ticks();
    level_3();
    timer_stop();
    put("done\n");
    stop(0);
}
