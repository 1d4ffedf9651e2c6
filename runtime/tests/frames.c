/* Frames as C compilers make them where nobody asks for probes: the stack pointer moves by all of
 * the frame at once, and the far end may be the first that is touched. Built by
 * stack_foreign_code.rs. */

#define FRAME(name, bytes)                                                                         \
    long name(long number)                                                                         \
    {                                                                                              \
        volatile char frame[bytes];                                                                \
        frame[0] = (char)number;                                                                   \
        frame[(bytes) - 1] = 1;                                                                    \
        return frame[0] + frame[(bytes) - 1];                                                      \
    }

FRAME(frame_of_60_kib, 60 * 1024)
FRAME(frame_of_64_kib, 64 * 1024)
FRAME(frame_of_200_kib, 200 * 1024)

/* Calls back from below a frame of 40 KiB, whose far end is touched before and read afterwards. */
long call_below_a_frame(long (*callback)(long), long number)
{
    volatile char frame[40 * 1024];
    frame[0] = (char)number;
    return callback(number) + frame[0];
}
