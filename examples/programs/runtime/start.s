// Where a C program begins and ends: set the stack, call main, hand its result to the host.

        .equ    SYS_EXIT, 0x18                          // semihosting operation
        .equ    ADP_Stopped_ApplicationExit, 0x20026    // its reason: the program ended by itself

        .text
        .global _start
_start:                                 // SP is UNKNOWN at reset; .bss was zeroed by the loader
        ldr     x0, =__stack_top
        mov     sp, x0
        mov     x29, xzr                // a zero frame pointer ends every backtrace
        bl      main

        .global exit
exit:                                   // void exit(int status), which does not return
        ldr     x2, =ADP_Stopped_ApplicationExit
        sxtw    x3, w0
        stp     x2, x3, [sp, #-16]!     // the parameter block: reason, status
        mov     x0, #SYS_EXIT
        mov     x1, sp
        hlt     #0xf000
        b       .                       // nobody answered the semihosting call
