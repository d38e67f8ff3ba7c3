"""One file a strategy; the file name is the registry. A leading underscore marks a helper."""
