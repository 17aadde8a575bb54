/* Console output through the PL011 UART, and the way out. */

#pragma once

#include <stdint.h>

void print_char(char c);
void print(const char *text);
void print_decimal(uint64_t value);
void print_hex(uint64_t value, int digits); /* the low `digits` nibbles, leading zeros kept */

_Noreturn void exit(int status);
