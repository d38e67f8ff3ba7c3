"""What happens when the store, the way to it, or a replica fails: every arm through the same fault.

The runner owns what fails and makes it fail at planned times (`block`, `house`, `actions`); the
generator browses, revokes and probes meanwhile and tells what it saw (`walk`, `guests`,
`victims`); a pure judge holds that against each strategy's law (`judge`, `policy`).
"""
