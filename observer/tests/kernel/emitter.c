// A target that fires what it is told to: every probe of the contract with its arguments in
// the contract's registers, semaphores, a 1-byte nop and then a 10-byte nop.
//
// Commands come on stdin, one a line; each is answered by one line on stdout.
//   fire NAME TIMES ARGUMENT...   "fired N": how often the semaphore let it
//   elsewhere NAME TIMES ARG...   the same from another thread
//   sweep NAME COUNT              once for each of so many sites, without a pause
//   armed NAME                    the semaphore's value
//   site FILE LINE COLUMN NAME FLAGS   the address of a new site record ("-" is no name)
//   hole FILE...                  as site, in memory that has not been touched
//   room BYTES                    the address of so many zeroes, with nothing mapped behind them
//   poke ADDRESS VALUE            writes a word there; "poked"
//   fork                          a child without exec; it ends with its parent
//   exec                          this program again, in this process
// End of input ends it.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

__asm__(".pushsection .stapsdt.base,\"aGR\",\"progbits\",.stapsdt.base,comdat\n"
        ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"
        "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n.popsection\n");

#define A3 "8@%%rdi 8@%%rsi 8@%%rdx"
#define A4 A3 " 8@%%rcx"
#define A5 A4 " 8@%%r8"
#define A7 A5 " 8@%%r9 8@%%rax"
#define A9 A7 " 8@%%r10 8@%%r11"
#define A10 A9 " 8@%%r12"

#define PROBE(name, arguments)                                                              \
    __attribute__((section(".probes"), used)) volatile uint16_t semaphore_##name;           \
    __attribute__((noinline, noclone)) static void fire_##name(const uint64_t *a) {         \
        register uint64_t r0 __asm__("rdi") = a[0];                                         \
        register uint64_t r1 __asm__("rsi") = a[1];                                         \
        register uint64_t r2 __asm__("rdx") = a[2];                                         \
        register uint64_t r3 __asm__("rcx") = a[3];                                         \
        register uint64_t r4 __asm__("r8") = a[4];                                          \
        register uint64_t r5 __asm__("r9") = a[5];                                          \
        register uint64_t r6 __asm__("rax") = a[6];                                         \
        register uint64_t r7 __asm__("r10") = a[7];                                         \
        register uint64_t r8 __asm__("r11") = a[8];                                         \
        register uint64_t r9 __asm__("r12") = a[9];                                         \
        __asm__ volatile("990: nop\n"                                                       \
                         ".byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0\n"                       \
                         ".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n"            \
                         ".4byte 992f-991f, 994f-993f, 3\n"                                 \
                         "991: .asciz \"stapsdt\"\n992: .balign 4\n"                        \
                         "993: .8byte 990b, _.stapsdt.base, semaphore_" #name "\n"          \
                         ".asciz \"parkwatch\"\n.asciz \"" #name "\"\n"                     \
                         ".asciz \"" arguments "\"\n994: .balign 4\n.popsection\n"          \
                         :                                                                  \
                         : "r"(r0), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5), "r"(r6),   \
                           "r"(r7), "r"(r8), "r"(r9));                                      \
    }

PROBE(spawn, A3)
PROBE(run, A4)
PROBE(park, A5)
PROBE(unpark, A4)
PROBE(exit, A3)
PROBE(stack_grow, A7)
PROBE(ledger, A9)
PROBE(parked, A4)
PROBE(stall, A9)
PROBE(unstall, A4)
PROBE(pool, A4)
PROBE(monitor, A10)
PROBE(task, A10)

#define ROW(name) {#name, fire_##name, &semaphore_##name}
static struct {
    const char *name;
    void (*fire)(const uint64_t *);
    volatile uint16_t *semaphore;
} probes[] = {ROW(spawn), ROW(run),    ROW(park),  ROW(unpark),  ROW(exit), ROW(stack_grow),
              ROW(ledger), ROW(parked), ROW(stall), ROW(unstall), ROW(pool), ROW(monitor),
              ROW(task)};

struct site {
    const char *file;
    uint64_t file_len;
    uint32_t line, column;
    const char *name;
    uint64_t name_len, flags;
};

static int find(const char *name) {
    for (int row = 0; row < 13; row++)
        if (strcmp(probes[row].name, name) == 0) return row;
    fprintf(stderr, "no probe %s\n", name);
    exit(2);
}

static struct {
    int row;
    long times;
    uint64_t arguments[10];
    long fired;
} order;

static void read_order(void) {
    order.row = find(strtok(NULL, " "));
    order.times = atol(strtok(NULL, " "));
    order.fired = 0;
    for (int i = 0; i < 10; i++) {
        const char *word = strtok(NULL, " ");
        order.arguments[i] = word ? strtoull(word, NULL, 10) : 0;
    }
}

static void *carry_out(void *unused) {
    for (long i = 0; i < order.times; i++)
        if (*probes[order.row].semaphore) {
            probes[order.row].fire(order.arguments);
            order.fired++;
        }
    return unused;
}

static struct site *read_site(void) {
    struct site *site = malloc(sizeof *site);
    site->file = strdup(strtok(NULL, " "));
    site->file_len = strlen(site->file);
    site->line = atoi(strtok(NULL, " "));
    site->column = atoi(strtok(NULL, " "));
    const char *name = strdup(strtok(NULL, " "));
    site->name = strcmp(name, "-") ? name : NULL;
    site->name_len = site->name ? strlen(name) : 0;
    site->flags = strtoull(strtok(NULL, " "), NULL, 10);
    return site;
}

int main(int count, char **arguments) {
    static char line[4096];
    (void)count;
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        const char *command = strtok(line, " ");
        if (!command) continue;
        if (!strcmp(command, "fire")) {
            read_order();
            carry_out(NULL);
            printf("fired %ld\n", order.fired);
        } else if (!strcmp(command, "elsewhere")) {
            pthread_t thread;
            read_order();
            pthread_create(&thread, NULL, carry_out, NULL);
            pthread_join(thread, NULL);
            printf("fired %ld\n", order.fired);
        } else if (!strcmp(command, "sweep")) {
            int row = find(strtok(NULL, " "));
            long sites = atol(strtok(NULL, " "));
            struct site *records = calloc(sites, sizeof *records);
            for (long i = 0; i < sites; i++)
                records[i] = (struct site){"sweep.c", 7, i + 1, 1, NULL, 0, 0};
            for (long i = 0; i < sites; i++)
                probes[row].fire((uint64_t[10]){(uint64_t)&records[i], (uint64_t)&records[i], 1});
            printf("fired %ld\n", sites);
        } else if (!strcmp(command, "armed")) {
            printf("%u\n", (unsigned)*probes[find(strtok(NULL, " "))].semaphore);
        } else if (!strcmp(command, "site")) {
            printf("%lu\n", (unsigned long)read_site());
        } else if (!strcmp(command, "hole")) {
            // A private mapping of this file: its pages are there, but not in our page table.
            struct site *site = read_site();
            site->file = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fileno(fopen("/proc/self/exe", "r")), 0);
            site->file_len = 4;
            printf("%lu\n", (unsigned long)site);
        } else if (!strcmp(command, "room")) {
            size_t bytes = strtoull(strtok(NULL, " "), NULL, 10);
            char *room = mmap(NULL, bytes + 4096, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            // Every page is touched: a program cannot fault them in.
            memset(room, 0, bytes);
            mprotect(room + bytes, 4096, PROT_NONE);
            printf("%lu\n", (unsigned long)room);
        } else if (!strcmp(command, "poke")) {
            uint64_t *word = (uint64_t *)strtoull(strtok(NULL, " "), NULL, 10);
            *word = strtoull(strtok(NULL, " "), NULL, 10);
            puts("poked");
        } else if (!strcmp(command, "fork")) {
            pid_t parent = getpid(), child = fork();
            if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                // The parent may have ended before it was asked to take us along.
                if (getppid() != parent) _exit(0);
                for (;;) pause();
            }
            printf("%d\n", child);
        } else if (!strcmp(command, "exec")) {
            execv("/proc/self/exe", arguments);
            return 1;
        }
    }
    return 0;
}
