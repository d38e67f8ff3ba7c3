"""Whether a comparison's verdicts can be trusted: identical arms, measured and simulated."""
