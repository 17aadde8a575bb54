// The end of a jprobe's handler: void jprobe_return(void), which does not return.
//
// A handler is called in place of the function that the jprobe is at, with its arguments, and must end by
// jprobe_return(), wherever its own stack is by then. The engine of the probes writes the stack pointer that the
// handler began with to jprobe_saved_sp; BRK #4 at jprobe_return_break makes it bring back all registers, X0 as well,
// and execute the function. There is one such stack pointer, so handlers of several CPUs must not run at once.

        .text
        .global jprobe_return
        .global jprobe_return_break
jprobe_return:
        adrp    x0, jprobe_saved_sp
        ldr     x0, [x0, #:lo12:jprobe_saved_sp]
        mov     sp, x0
jprobe_return_break:
        brk     #4                      // a BRK of kprobes that is no probe's
        b       jprobe_return_break     // nobody runs a jprobe's handler

        .bss
        .balign 8
        .global jprobe_saved_sp
jprobe_saved_sp:
        .space  8
