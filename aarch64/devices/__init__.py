"""What surrounds the CPU on the board: UART, semihosting host, PSCI firmware, and the console they share."""
