"""The A64 instruction set: definitions by group, and the decoder, disassembler and assembler derived from them."""
