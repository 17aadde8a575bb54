"""Linux arm64 kprobes, as a client of the `aarch64` interpreter."""
