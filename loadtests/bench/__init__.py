"""What the generator can do on this machine; nothing here takes part in a run."""
