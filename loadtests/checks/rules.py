"""The names of doubt: what a finding is called, how grave it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.model import Finding, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """`found` makes a finding of it; `detail` holds the numbers."""

    name: str
    severity: Severity
    message: str
    advice: str

    def found(self, arm: str | None, phase: str | None, detail: str) -> Finding:
        message = f"{self.message}: {detail}" if detail else self.message
        return Finding(self.name, self.severity, message, self.advice, arm, phase)


GENERATOR_SATURATED = Rule(
    "generator_saturated",
    "invalid",
    "the load generator was short of CPU",
    "lower the rate or give the generator a core of its own",
)
CAPACITY_NOT_REACHED = Rule(
    "capacity_not_reached",
    "invalid",
    "the servers were not at their limit, so this is no capacity",
    "raise `users` of the closed load until the server core is at least 90% busy",
)
POOL_EXHAUSTED = Rule(
    "pool_exhausted",
    "warning",
    "due requests waited for a free user",
    "raise `pool_users`, or lower the rate: the servers may not keep up",
)
UNSENT = Rule(
    "unsent_requests",
    "invalid",
    "due requests were never sent",
    "lower the rate or raise `pool_users`",
)
ERRORS = Rule(
    "errors",
    "invalid",
    "more than 0.1% of the requests failed",
    "look at the outcomes in slices.jsonl and at the servers' log",
)
DISTURBED = Rule(
    "foreign_cpu",
    "warning",
    "other work, or the host of this machine, took CPU in more rounds than could be repeated",
    "close other programs, or read the intervals as wider than they are",
)
OFFERED_RATE_MISSED = Rule(
    "offered_rate_missed",
    "invalid",
    "the rate offered was not the rate asked for",
    "lower the rate: the generator cannot keep up",
)
DISPATCH_LAG = Rule(
    "dispatch_lag",
    "warning",
    "requests left the generator late",
    "lower the rate or give the generator a core of its own",
)
SHARED_STORE = Rule(
    "shared_store",
    "warning",
    "one store served every arm (REDIS_URL), so arms can disturb each other",
    "unset REDIS_URL to give each arm a store of its own",
)
UNPINNED = Rule(
    "unpinned",
    "warning",
    "generator and servers shared CPUs",
    "run on Linux with at least two CPUs to keep them apart",
)
IMPOSSIBLE = Rule(
    "impossible",
    "warning",
    "the arm cannot be as it was asked for, so it was not measured",
    "lower its `state_bytes`, raise `server.state_max_bytes`, or keep state on the server",
)
SATURATED = Rule(
    "saturated",
    "warning",
    "a probe was ended early: requests waited ever longer",
    "nothing: the search goes on below this rate",
)
SEARCH_UNFINISHED = Rule(
    "search_unfinished",
    "warning",
    "searches ended without the rate they looked for",
    "raise `rounds`, or move `lowest_rps` and `highest_rps` apart",
)
LAW_BROKEN = Rule(
    "law_broken",
    "invalid",
    "a revoked credential was accepted later than the strategy's law allows",
    "this is a defect of the strategy, or of its law: do not use either",
)
TRIALS_LOST = Rule(
    "trials_lost",
    "warning",
    "revocation trials told nothing: not begun, not acknowledged, or answered by errors only",
    "look at the servers' log; the remaining trials stand",
)
