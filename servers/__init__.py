"""The twins: one aiohttp server that differs between arms in one file, the auth strategy."""
