#include "io.h"

/* PL011: UARTDR takes one byte; UARTFR says when the transmit FIFO cannot. */
#define UARTDR (*(volatile uint32_t *)0x09000000)
#define UARTFR (*(volatile uint32_t *)0x09000018)
#define UARTFR_TXFF (1u << 5)

void print_char(char c)
{
    while (UARTFR & UARTFR_TXFF)
        ;
    UARTDR = (uint8_t)c;
}

void print(const char *text)
{
    while (*text)
        print_char(*text++);
}

void print_decimal(uint64_t value)
{
    if (value >= 10)
        print_decimal(value / 10);
    print_char((char)('0' + value % 10));
}

void print_hex(uint64_t value, int digits)
{
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        print_char("0123456789abcdef"[value >> shift & 15]);
}
