"""The harness measured against a known answer: a server that stamps what it does with its own
clock, driven by the real path."""
