"""Drives the servers over HTTP and writes the run folder."""
