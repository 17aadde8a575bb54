"""The only part of kprobes that touches the interpreter: it shows a machine as the rest of kprobes wants it."""
