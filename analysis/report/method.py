"""The method in a dozen lines."""

# Holds for every run, whatever it measured.
GENERAL = (
    "The servers differ in one file, the strategy; one application factory serves them all.",
)
METHOD = (
    *GENERAL,
    "A block is a fresh start of every server, store and of the generator; it is the unit of "
    "all statistics.",
    "Within a block the arms take turns of about a second in shuffled order, so that a drift of "
    "the machine meets all of them alike.",
    "Capacity is closed-loop, as fast as the servers answer; latency is open-loop, and a response "
    "time counts from when the request was due, not from when it could be sent.",
    "The highest rate within a limit is found by short open-loop probes: doubled until one misses, "
    "then halved in between, a miss repeated before it counts; it is the highest that held.",
    "CPU per request is CPU time read from outside the process, divided by the requests completed "
    "in the same time; a core-second is one of servers and store together.",
    "Percentiles come from a block's merged histograms and are never averaged over slices; p99 "
    "needs 1,000 samples in every block and p99.9 needs 10,000.",
    "A ratio is taken within each block and its logarithm averaged over blocks, with a 95% t "
    "interval; a verdict needs five blocks.",
    "The A/A control, one arm twice, gives the noise floor; “same within x%” means that the whole "
    "interval lies within x, the floor or 2%, whichever is wider. “Faster” and “slower” want an "
    "interval without 1 and a ratio beyond the floor; “faster” means better, for sizes too.",
    "“Shows from” is the smallest true difference that as many blocks with this spread and floor "
    "would have called faster or slower with probability 0.8.",
    "Each interval is at 95% by itself: of twenty comparisons that differ in nothing, expect one "
    "to miss.",
    "Revocation lag is an interval per replica, between the last request let in and the first "
    "refused for good; tables give its upper end, and nothing finer than the probe spacing.",
    "A law holds only where trials could have refuted it; one request accepted although it was "
    "sent later than acknowledgement + bound breaks it; what was not tested is called just that.",
)
