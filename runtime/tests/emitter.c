/* A program that emits Parkwatch probes by itself, without the runtime crate: what another
 * runtime has to do, in one file (see docs/probes.md).
 *
 *   emitter SITES LIVE STALLED
 *
 * claims a ledger of SITES sites with LIVE live tasks each, of which STALLED tasks of the first
 * site wait for a mutex. It repeats everything every second, level-triggered. A line on stdin
 * lets the stalled tasks go on; the end of stdin ends the program. Linux, x86_64. */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Defines the semaphore of a probe and the function that fires it: the arguments in their
 * registers, the two nops, and the note. */
#define PROBE(name, arguments)                                                                    \
  __attribute__((section(".probes"), used)) volatile uint16_t name##_semaphore;                   \
  static __attribute__((noinline)) void fire_##name(const uint64_t a[10]) {                       \
    if (!name##_semaphore) return;                                                                \
    register uint64_t r8 asm("r8") = a[4], r9 asm("r9") = a[5], r10 asm("r10") = a[7],            \
                      r11 asm("r11") = a[8], r12 asm("r12") = a[9];                               \
    asm volatile("990: nop\n.byte 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0\n"                  \
                 ".pushsection .note.stapsdt, \"\", \"note\"\n.balign 4\n"                        \
                 ".4byte 992f - 991f, 994f - 993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n"  \
                 "993: .8byte 990b, _.stapsdt.base, " #name "_semaphore\n"                        \
                 ".asciz \"parkwatch\"\n.asciz \"" #name "\"\n.asciz \"" arguments "\"\n"         \
                 "994: .balign 4\n.popsection\n"                                                  \
                 ".ifndef _.stapsdt.base\n"                                                       \
                 ".pushsection .stapsdt.base, \"aGR\", \"progbits\", .stapsdt.base, comdat\n"     \
                 ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n"       \
                 ".size _.stapsdt.base, 1\n.popsection\n.endif\n" ::"D"(a[0]),                    \
                 "S"(a[1]), "d"(a[2]), "c"(a[3]), "r"(r8), "r"(r9), "a"(a[6]), "r"(r10),          \
                 "r"(r11), "r"(r12) : "memory");                                                  \
  }

#define SIX "8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx 8@%%r8 8@%%r9"
PROBE(spawn, "8@%%rdi 8@%%rsi 8@%%rdx")
PROBE(exit, "8@%%rdi 8@%%rsi 8@%%rdx")
PROBE(ledger, SIX " 8@%%rax 8@%%r10 8@%%r11")
PROBE(parked, "8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx")
PROBE(stall, SIX " 8@%%rax 8@%%r10 8@%%r11")
PROBE(unstall, "8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx")
PROBE(monitor, SIX " 8@%%rax 8@%%r10 8@%%r11 8@%%r12")
#define FIRE(probe, ...) fire_##probe((const uint64_t[10]){__VA_ARGS__})

/* What a site argument points at. */
struct site {
  const char *file;
  uint64_t file_len;
  uint32_t line, column;
  const char *name;
  uint64_t name_len, flags;
};

enum { MAX_SITES = 400, MAX_STALLED = 100, MUTEX = 2, EXITED = 5, STACK = 32768 };
static const uint64_t second_ns = 1000000000;

int main(int count, char **arguments) {
  uint64_t sites = count > 1 ? strtoull(arguments[1], 0, 10) : 1;
  uint64_t live = count > 2 ? strtoull(arguments[2], 0, 10) : 1;
  uint64_t stalled = count > 3 ? strtoull(arguments[3], 0, 10) : 0, ended = 0;
  uint64_t age_ns = 60 * second_ns;
  if (sites < 1 || sites > MAX_SITES || stalled > live || stalled > MAX_STALLED) return 2;
  static struct site site[MAX_SITES];
  for (uint64_t i = 0; i < sites; i++)
    site[i] = (struct site){"emitter.c", 9, (uint32_t)i + 1, 1, "made_up", 7, 0};
  for (uint64_t task = 1; task <= EXITED; task++) {
    FIRE(spawn, task, (uint64_t)&site[0], 0);
    FIRE(exit, task, (uint64_t)&site[0], 0);
  }
  printf("%d\n", getpid());
  fflush(stdout);
  for (char byte[64];;) {
    FIRE(monitor, 1, sites * live, 0, 2, 1, 3, 4, sites * live * STACK, 0, 10 * second_ns);
    for (uint64_t i = 0; i < sites; i++)
      FIRE(ledger, (uint64_t)&site[i], live + EXITED, EXITED, 0, 0, 7, 0, 0, live * STACK);
    FIRE(parked, (uint64_t)&site[0], MUTEX, stalled, stalled ? age_ns : 0);
    for (uint64_t task = 1; task <= ended; task++)
      FIRE(unstall, 1ull << 32 | task, (uint64_t)&site[0], MUTEX, age_ns);
    for (uint64_t task = 1; task <= stalled; task++)
      FIRE(stall, 1ull << 32 | task, (uint64_t)&site[0], MUTEX, (uint64_t)&age_ns, 0, age_ns);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    int ready = poll(&input, 1, 1000);
    ended = 0;
    age_ns += ready ? 0 : second_ns;
    if (ready && read(0, byte, sizeof byte) <= 0) return 0;
    if (ready) ended = stalled, stalled = 0;
  }
}
