/* What the board does for a program that starts at EL1: characters from the UART, and PSCI by HVC. */

#include "runtime/io.h"

#define UARTDR (*(volatile uint32_t *)0x09000000)
#define UARTFR (*(volatile uint32_t *)0x09000018)
#define UARTFR_RXFE (1u << 4)

#define PSCI_VERSION 0x84000000u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u
#define PSCI_FEATURES 0x8400000au
#define PSCI_NOTHING 0x8400ffffu

static char read_char(void)
{
    while (UARTFR & UARTFR_RXFE)
        ;
    return (char)UARTDR;
}

/* SMC Calling Convention: function in w0, argument in x1, result in x0. */
static int32_t psci(uint32_t function, uint32_t argument)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = argument;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1) : : "x2", "x3", "memory");
    return (int32_t)x0;
}

static void print_psci(const char *name, uint32_t function, uint32_t argument)
{
    print(name);
    print_hex((uint32_t)psci(function, argument), 8);
    print("\n");
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

int main(void)
{
    for (char c = 0; c != '\n';)
        print_char(upper(c = read_char()));

    print_psci("version:      ", PSCI_VERSION, 0);
    print_psci("system off:   ", PSCI_FEATURES, PSCI_SYSTEM_OFF);
    print_psci("system reset: ", PSCI_FEATURES, PSCI_SYSTEM_RESET);
    print_psci("no function:  ", PSCI_FEATURES, PSCI_NOTHING);
    print_psci("not there:    ", PSCI_NOTHING, 0);
    psci(PSCI_SYSTEM_OFF, 0);
    return 1;
}
