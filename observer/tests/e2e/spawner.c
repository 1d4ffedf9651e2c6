/* A program that spawns tasks, in name only: one helper with one site, called from two functions.
 * It fires `spawn` and `exit` with the arguments in the contract's registers, and is built with frame
 * pointers or without. One byte on stdin is one act, answered by a line: `o` and `m` spawn a task from
 * `take_order` and `send_mail`, `d` from 64 KiB below them, `x` ends the oldest task. */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

__asm__(".pushsection .stapsdt.base,\"aGR\",\"progbits\",.stapsdt.base,comdat\n"
        ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"
        "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n.popsection\n");

#if defined(__x86_64__)
#define NOP "nop\n.byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0\n"
#define FIRST "rdi"
#define SECOND "rsi"
#define THIRD "rdx"
#define ARGUMENTS "8@%%rdi 8@%%rsi 8@%%rdx"
#else
#define NOP "nop\n"
#define FIRST "x0"
#define SECOND "x1"
#define THIRD "x2"
#define ARGUMENTS "8@x0 8@x1 8@x2"
#endif

/* A page of their own, as docs/probes.md wants it. */
__attribute__((aligned(4096), section(".probes"), used)) volatile uint16_t semaphore_spawn;
__attribute__((section(".probes"), used)) volatile uint16_t semaphore_exit;

/* A function that calls nothing has no frame, and its caller would be missing. */
__attribute__((noinline)) static void make_a_frame(void) { __asm__ volatile(""); }

#define PROBE(name)                                                                         \
    __attribute__((noinline)) static void fire_##name(uint64_t a, uint64_t b, uint64_t c) { \
        if (!semaphore_##name) return;                                                      \
        make_a_frame();                                                                     \
        register uint64_t first __asm__(FIRST) = a;                                         \
        register uint64_t second __asm__(SECOND) = b;                                       \
        register uint64_t third __asm__(THIRD) = c;                                         \
        __asm__ volatile("990: " NOP                                                        \
                         ".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n"            \
                         ".4byte 992f-991f, 994f-993f, 3\n"                                 \
                         "991: .asciz \"stapsdt\"\n992: .balign 4\n"                        \
                         "993: .8byte 990b, _.stapsdt.base, semaphore_" #name "\n"          \
                         ".asciz \"parkwatch\"\n.asciz \"" #name "\"\n"                     \
                         ".asciz \"" ARGUMENTS "\"\n994: .balign 4\n.popsection\n"          \
                         : : "r"(first), "r"(second), "r"(third));                          \
    }

PROBE(spawn)
PROBE(exit)

static const struct {
    const char *file;
    uint64_t file_len;
    uint32_t line, column;
    const char *name;
    uint64_t name_len, flags;
} site = {"src/helper.rs", 13, 33, 5, "", 0, 0};

static uint64_t spawned, ended;

__attribute__((noinline)) void helper(void) {
    fire_spawn(++spawned, (uint64_t)&site, 0);
    __asm__ volatile("");
}

__attribute__((noinline)) void take_order(void) {
    helper();
    __asm__ volatile("");
}

__attribute__((noinline)) void send_mail(void) {
    helper();
    __asm__ volatile("");
}

__attribute__((noinline)) static void descend(int steps) {
    char frame[1000];
    /* It must be there, and be there still after the call. */
    __asm__ volatile("" : : "r"(frame) : "memory");
    if (steps) descend(steps - 1);
    else helper();
    __asm__ volatile("" : : "r"(frame) : "memory");
}

int main(void) {
    char act;
    puts("ready");
    fflush(stdout);
    while (read(0, &act, 1) == 1) {
        if (act == 'o') take_order();
        if (act == 'm') send_mail();
        if (act == 'd') descend(64);
        if (act == 'x') fire_exit(++ended, (uint64_t)&site, 0);
        puts("done");
        fflush(stdout);
    }
    return 0;
}
