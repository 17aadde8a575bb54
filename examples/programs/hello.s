// The smallest program worth running: greet through the UART, leave through semihosting.

        .equ    UARTDR, 0x09000000      // PL011 data register: what is stored here is printed
        .equ    SYS_EXIT, 0x18          // semihosting operation

        .text
        .global _start
_start:
        ldr     x1, =UARTDR
        adrp    x2, message
        add     x2, x2, :lo12:message
1:      ldrb    w0, [x2], #1
        cbz     w0, 2f                  // the zero that .asciz put behind the text
        str     w0, [x1]
        b       1b

2:      mov     x0, #SYS_EXIT
        adr     x1, exit_block
        hlt     #0xf000

        .data
message:
        .asciz  "Hello from AArch64\n"

        .balign 8
exit_block:
        .quad   0x20026                 // ADP_Stopped_ApplicationExit: the program ended by itself
        .quad   0                       // exit status
