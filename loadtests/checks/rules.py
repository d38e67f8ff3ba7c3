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
LATE_WORKER = Rule(
    "late_worker",
    "warning",
    "a generator process had its part of a slice too late to begin in time",
    "close other programs, or lower `generators` to the CPUs there are",
)
WORKER_LOST = Rule(
    "worker_lost",
    "warning",
    "a generator process was lost, and the rest of its block with it",
    "look for what ended it, such as want of memory; the other blocks stand",
)
NOT_MEASURED = Rule(
    "not_measured",
    "invalid",
    "no block measured the arm",
    "find what the other findings name, and measure again",
)
BEYOND_CALIBRATION = Rule(
    "beyond_calibration",
    "warning",
    "the rate is above what this generator was seen to send in time",
    "lower the rate or give the generator a core of its own, and `make calibrate` again",
)
NEAR_GENERATOR_LIMIT = Rule(
    "near_generator_limit",
    "warning",
    "the generator's core was busier than the 60% up to which its percentiles are calibrated",
    "lower the rate or `max_server_cpus`, or give it more cores (`generators`)",
)
SHARED_STORE = Rule(
    "shared_store",
    "warning",
    "one store served every arm (REDIS_URL), so arms can disturb each other",
    "unset REDIS_URL to give each arm a store of its own",
)
CPU_UNREAD = Rule(
    "cpu_unread",
    "warning",
    "the CPU of servers or store could not be read in every slice, so nobody looked whether they "
    "were the limit",
    "with REDIS_URL, look at what the store was busy with; elsewhere run on Linux",
)
UNPINNED = Rule(
    "unpinned",
    "warning",
    "generator and servers shared CPUs",
    "run on Linux with at least two CPUs to keep them apart",
)
CROWDED_GENERATORS = Rule(
    "crowded_generators",
    "warning",
    "generator processes shared CPUs, so response times hold what each waited for the others",
    "lower `generators`, or measure where each has a CPU of its own",
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
PROMISE_BEYOND_LAW = Rule(
    "promise_beyond_law",
    "invalid",
    "a server acknowledged a revocation with another bound than its law allows",
    "this is a defect of the strategy, or of its law: do not use either",
)
FALSE_REJECT = Rule(
    "false_reject",
    "invalid",
    "users whom nobody had revoked were answered 401",
    "this is a defect of the strategy: look at what it revokes besides what it was told",
)
REACCEPTANCE = Rule(
    "reacceptance",
    "invalid",
    "a replica let a credential in again that it had refused",
    "this is a defect of the strategy: it forgets revocations, so lag is no single moment",
)
SPARSE_PROBES = Rule(
    "sparse_probes",
    "warning",
    "more than 1% of the gaps between probes were over twice as long as asked",
    "read the lags as coarser than they look; lower the load, or raise `probe_every_s`",
)
LOAD_MISSED = Rule(
    "load_missed",
    "warning",
    "trials ran at a load more than ten points off the one asked",
    "read the lags as those of the load there was; `load_fraction` of each line says it. Where "
    "probes alone are more than the load, raise `probe_every_s`",
)
TRIALS_NOT_BEGUN = Rule(
    "trials_not_begun",
    "warning",
    "the run's time was over before some of its trials could begin",
    "read the laws as tried less often: their bounds on failures say how often; raise "
    "`trials_within_minutes`",
)
TRIALS_LOST = Rule(
    "trials_lost",
    "warning",
    "revocation trials told nothing: not begun, not acknowledged, or answered by errors only",
    "look at the servers' log; the remaining trials stand",
)
GRACE_BROKEN = Rule(
    "grace_broken",
    "invalid",
    "a rotated refresh token was not good for its grace, and for no longer",
    "this is a defect of the strategy: do not use its `grace_s`",
)
TABS_LOST = Rule(
    "tabs_lost",
    "warning",
    "browsers or thefts told nothing: not begun, or a request had no answer",
    "look at the servers' log; the remaining ones stand",
)
FALSE_ACCEPT = Rule(
    "false_accept",
    "invalid",
    "revoked credentials were accepted later than the strategy's law allows, through an outage",
    "this is a defect of the strategy, or of its law: do not use either",
)
HUNG_REQUESTS = Rule(
    "hung_requests",
    "invalid",
    "requests had no answer for eight of the store's time-outs",
    "this is a defect of the strategy: something waits for the store without a deadline",
)
POLICY_BROKEN = Rule(
    "policy_broken",
    "warning",
    "an outage did to requests what the strategy's law does not say",
    "look at `busy_share` first: on a machine that was full, time-outs are the machine's; if it "
    "was not, the strategy or its law is wrong",
)
OUTAGE_CROWDED = Rule(
    "outage_crowded",
    "warning",
    "the machine's CPUs were full in trials of outages",
    "close other programs, lower the phases' rates, or let arms go in two groups, one after the "
    "other (`--groups 2`): time-outs may be the machine's",
)
OUTAGE_UNTOLD = Rule(
    "outage_untold",
    "warning",
    "trials of an outage are missing, or ended before they could show a recovery",
    "raise `after_s`, or look at what ended the run",
)
AT_CPU_LIMIT = Rule(
    "at_cpu_limit",
    "invalid",
    "servers or store were at their CPU limit during a latency phase, where waiting grows for as "
    "long as a slice lasts",
    "lower the phase's rate, or give the servers more CPUs",
)
BOOKKEEPING = Rule(
    "bookkeeping",
    "invalid",
    "the generator's own counts contradict each other",
    "this is a defect of the generator: do not use these numbers",
)
TREND = Rule(
    "trend",
    "warning",
    "the cost of a request changed in the course of the phase",
    "raise `warm_up_s` where it fell; where it rose, something fills up: look at the store",
)
ENVIRONMENT_CHANGED = Rule(
    "environment_changed",
    "invalid",
    "the machine or its software was not the same in every block",
    "leave the machine alone while a run measures, and measure again",
)
FREQUENCY_CHANGED = Rule(
    "frequency_changed",
    "warning",
    "the servers' CPUs ran at another clock for some arms or blocks",
    "set the governor to `performance`, or fix the clock, and measure again",
)
THROTTLED = Rule(
    "throttled",
    "warning",
    "heat held CPUs back",
    "let the machine cool, or give it air, and measure again",
)
PRECISION_NOT_REACHED = Rule(
    "precision_not_reached",
    "warning",
    "the time was up before every asked comparison was as narrow as asked",
    "raise `max_minutes`, or ask for less `precision`",
)
PROXY_LATE = Rule(
    "proxy_late",
    "warning",
    "the proxy before the store held some round trips longer than it was asked to",
    "read medians, not tails, at this distance; lower the rate or give the generator a core more",
)
COST_MOVES = Rule(
    "cost_moves_with_distance",
    "warning",
    "a request's CPU was not the same at every distance to the store",
    "distance is waiting, not work: look for a drift within the blocks, or for what the servers do "
    "while they wait",
)
