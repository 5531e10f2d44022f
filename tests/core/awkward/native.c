/* Run each of a table of instructions with the same registers and memory on this computer's processor.
 *
 * Input (file 1): count, code segment (0x33 of 64-bit, 0x23 of 32-bit code under Linux), then `count` cases of 32 bytes, 0x2000 bytes of data, 512 of FXSAVE, 17 registers.
 * Output (file 2): 32 bytes a case: vector, error code, RIP - case, MXCSR, x87 status, digest, as harness.s has them. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define CASES ((uint8_t *)0x40800000)
#define SCRATCH ((uint8_t *)0x40400000)

struct result { uint16_t vector, error; int32_t rip; uint32_t mxcsr; uint16_t status, spare; uint64_t digest, unused; };
static uint64_t count, selector, at;
static uint8_t data[0x2000], state[512];
static uint64_t registers[17];
static struct result *results;
static sigjmp_buf finished;
static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static uint64_t digest(const ucontext_t *u)
{
    static const int seven[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RBP, REG_RSI, REG_RDI};
    const uint64_t *image = (const uint64_t *)u->uc_mcontext.fpregs;
    uint64_t sum = 0;
    for (int i = 0; i < 7; i++)
        sum = (sum ^ (uint64_t)u->uc_mcontext.gregs[seven[i]]) * 0x100000001B3;
    for (int i = 4; i < 52; i++)
        if (i >= 20 || i % 2 == 0)              /* bits 79:64 of an x87 register are not MMX state */
            sum = (sum ^ image[i]) * 0x100000001B3;
    return sum;
}

static void prepare(ucontext_t *u)
{
    greg_t *g = u->uc_mcontext.gregs;
    memcpy(SCRATCH, data, sizeof data);
    for (int i = 0; i < 16; i++)
        g[order[i]] = registers[i];
    g[REG_RIP] = (greg_t)(CASES + 32 * at);
    g[REG_EFL] = 0x202;
    g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xFFFFL) | selector;
    if (selector == 0x23)
        __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2B));   /* 64-bit code leaves them null */
    memcpy(u->uc_mcontext.fpregs, state, 416);
}

static void handler(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    greg_t *g = u->uc_mcontext.gregs;
    if (at != (uint64_t)-1) {
        struct result *r = &results[at];
        r->vector = g[REG_TRAPNO];
        r->error = g[REG_TRAPNO] == 13 || g[REG_TRAPNO] == 14 ? g[REG_ERR] : 0;
        r->rip = g[REG_RIP] - (greg_t)(CASES + 32 * at);
        r->mxcsr = u->uc_mcontext.fpregs->mxcsr;
        r->status = u->uc_mcontext.fpregs->swd;
        r->digest = digest(u);
    }
    if (++at == count)
        siglongjmp(finished, 1);
    prepare(u);
}

int main(int argc, char **argv)
{
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    static uint8_t stack[1 << 16];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    int numbers[] = {SIGILL, SIGSEGV, SIGTRAP, SIGFPE, SIGBUS};
    if (argc != 3 || !in || !out || fread(&count, 8, 1, in) != 1 || fread(&selector, 8, 1, in) != 1)
        return 2;
    if (mmap(CASES, count * 32, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
        mmap(SCRATCH, sizeof data, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return 3;
    if (fread(CASES, 32, count, in) != count || fread(data, sizeof data, 1, in) != 1 || fread(state, sizeof state, 1, in) != 1 ||
        fread(registers, 8, 17, in) != 17)
        return 4;
    results = calloc(count, sizeof *results);
    sigaltstack(&other, 0);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, 0);
    at = -1;
    if (!sigsetjmp(finished, 0))
        raise(SIGTRAP);
    fwrite(results, sizeof *results, count, out);
    return fclose(out) != 0;
}
