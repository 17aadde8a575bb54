"""`a64 fuzz`: looking for what two decoders or emulators disagree about."""
