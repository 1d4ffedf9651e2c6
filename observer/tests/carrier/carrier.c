/* A program, or with -DLIBRARY a shared object, that carries one note of the provider
 * `parkwatch` with base and semaphore. The program loads the objects it is given, prints
 * "ready", and ends when its stdin does. With --exec PATH it becomes that program when told so,
 * with --later PATH it loads that object. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef ALIGNED /* to a page, as docs/probes.md wants it */
__attribute__((aligned(4096)))
#endif
__attribute__((section(".probes"), used, visibility("hidden")))
volatile unsigned short carrier_semaphore;

#if defined(__x86_64__)
#define ARGUMENTS "8@%%rdi -4@%%esi 8@$7 8@-16(%%rbp)"
#else
#define ARGUMENTS "8@x0 -4@w1 8@7 8@[sp, 16]"
#endif

#ifndef WITHOUT_PROBES
void carrier_fire(void) {
    __asm__ volatile(
        "990: nop\n"
        ".pushsection .note.stapsdt,\"\",%%note\n"
        ".balign 4\n"
        ".4byte 992f-991f, 994f-993f, 3\n"
        "991: .asciz \"stapsdt\"\n"
        "992: .balign 4\n"
        "993: .8byte 990b\n"
        ".8byte _.stapsdt.base\n"
        ".8byte carrier_semaphore\n"
        ".asciz \"parkwatch\"\n"
        ".asciz \"spawn\"\n"
        ".asciz \"" ARGUMENTS "\"\n"
        "994: .balign 4\n"
        ".popsection\n"
        ".pushsection .stapsdt.base,\"aG\",%%progbits,.stapsdt.base,comdat\n"
        ".weak _.stapsdt.base\n"
        ".hidden _.stapsdt.base\n"
        "_.stapsdt.base: .space 1\n"
        ".size _.stapsdt.base, 1\n"
        ".popsection\n" ::: "memory");
}
#endif

#ifndef LIBRARY
int main(int count, char **arguments) {
    int next = 1;
    for (; next < count && strncmp(arguments[next], "--", 2) != 0; next++) {
        if (!dlopen(arguments[next], RTLD_NOW)) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
        if (byte == 'x' && next + 1 < count) {
            execl(arguments[next + 1], arguments[next + 1], (char *)0);
        }
        if (byte == 'l' && next + 1 < count && dlopen(arguments[next + 1], RTLD_NOW)) {
            puts("ready");
            fflush(stdout);
        }
    }
    return 0;
}
#endif
