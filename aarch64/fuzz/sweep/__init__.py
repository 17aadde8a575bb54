"""The sweep: every 32-bit word classified, and another decoder asked about all of them, or about some of each kind."""
