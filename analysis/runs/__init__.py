"""Run against run: what differs between their circumstances, and what changed in their numbers."""
