"""A server that stalls, seen twice at once: by a pool with users for everyone who waits, and by one
of a few users.

Both have the same rate and fall due on time. In the large pool every request leaves when it is due.
In the small one a stall holds every user, and what is due meanwhile leaves after it: counted from
its sending it was quick, and that is all that Locust is told of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from loadtests.calibration.curves import picture_of
from loadtests.calibration.drive import Walked, a_phase, begin, finish, order_for
from loadtests.calibration.judging import LEAST_SAMPLES, QUANTILES, failed, judged, left_out
from loadtests.calibration.locust_numbers import LocustNumbers, parse_numbers
from loadtests.calibration.scripted import Nanoseconds, ScriptedServer, Truth, scripted_server
from loadtests.calibration.truth import dues_of, quantile_ns, stalled_waits_ns
from loadtests.checks import merged
from loadtests.generator import start_generator
from loadtests.histogram import Histogram
from loadtests.messages import Order
from loadtests.model import CalibrationCheck, Load, Placement, SliceRecord, StallPicture
from loadtests.placement import pin

ALLOWED_SHARE = 0.05
# Less than this share of the true wait hides a stall: it was sent after it.
HIDDEN_SHARE = 0.1
GOAL = f"{ALLOWED_SHARE:.0%}"
HIDDEN_GOAL = f"below {HIDDEN_SHARE:.0%}"
_SEED = 11


@dataclass(frozen=True, slots=True)
class Plan:
    """The pool holds everyone due in a stall, with a quarter to spare."""

    duration_s: float = 60.0
    every_s: float = 10.0
    stall_s: float = 1.0
    rate_rps: float = 200.0
    guard_s: float = 0.3
    few_users: int = 10

    @property
    def many_users(self) -> int:
        return int(1.25 * self.rate_rps * self.stall_s)

    @property
    def pools(self) -> tuple[int, int]:
        return self.many_users, self.few_users


@dataclass(frozen=True, slots=True)
class Seen:
    """One pool's view: what it recorded, and what the stalls make of its schedule."""

    users: int
    dues_ns: Nanoseconds
    waits_ns: Nanoseconds
    response: Histogram
    service: Histogram


@dataclass(frozen=True, slots=True)
class StallResult:
    """The checks, and what the picture is drawn from."""

    checks: tuple[CalibrationCheck, ...]
    picture: StallPicture


def measured_stalls(plan: Plan, placement: Placement) -> StallResult:
    """Raises MeasurementError when the server or a generator dies."""
    many, few, truth, locust = _seen_by_both(plan, placement)
    checks = tuple(judge(many, few, locust))
    return StallResult(checks, picture_of(plan.rate_rps, truth, many, few, locust))


def _seen_by_both(plan: Plan, placement: Placement) -> tuple[Seen, Seen, Truth, LocustNumbers]:
    """Many users and few, what the server stamped, and what Locust says of the few."""
    with ExitStack() as stack:
        # Without a name, so that nothing can leave it behind.
        statistics = stack.enter_context(tempfile.TemporaryFile())
        of_many = stack.enter_context(start_generator(plan.many_users))
        of_few = stack.enter_context(start_generator(plan.few_users, statistics=statistics))
        server = stack.enter_context(
            scripted_server("none", _SEED, stall_every_s=plan.every_s, stall_s=plan.stall_s)
        )
        pin(server.process.pid, placement.server_cpus)
        orders = [_order(plan, users, server, placement) for users in plan.pools]
        # Begun at once, read later: both walk the same stalls, and say little meanwhile.
        under_way = [
            begin(generator, order, server.check_alive)
            for generator, order in zip((of_many, of_few), orders, strict=True)
        ]
        walks = [finish(order, messages) for order, messages in zip(orders, under_way, strict=True)]
        truth = server.truth()
        # Locust prints its statistics as it ends.
        of_few.wait()
        statistics.seek(0)
        locust = parse_numbers(statistics.read(), "GET", "/me")
    many, few = (_seen(walked, truth) for walked in walks)
    return many, few, truth, locust


def _order(plan: Plan, users: int, server: ScriptedServer, placement: Placement) -> Order:
    load = Load("poisson", rate_rps=plan.rate_rps)
    return order_for(
        {"stalls": server.address},
        [a_phase("stalls", load, plan.duration_s, plan.guard_s)],
        [("stalls", "stalls")],
        pool_users=users,
        placement=placement,
        seed=_SEED,
        warm_up_s=0.0,
    )


def judge(many: Seen, few: Seen, locust: LocustNumbers) -> Iterator[CalibrationCheck]:
    yield from _judged_waits(many)
    yield from _judged_waits(few)
    true_ns = quantile_ns(few.waits_ns, 0.99)
    for name, hiding_ns in (
        ("service p99", few.service.quantile_ns(0.99)),
        ("Locust's p99", locust.percentile_ms(0.99) * 1e6),
    ):
        yield _judged_hidden(_about(few), name, true_ns, hiding_ns)


def _judged_waits(seen: Seen) -> Iterator[CalibrationCheck]:
    for name in ("p99", "p99.9"):
        quantity, least = f"response {name}", LEAST_SAMPLES[name]
        true_ns = quantile_ns(seen.waits_ns, QUANTILES[name])
        if len(seen.waits_ns) < least:
            reason = f"{len(seen.waits_ns):,} samples, {least:,} needed"
            yield left_out(_about(seen), quantity, GOAL, reason)
        elif true_ns == 0:
            yield failed(_about(seen), quantity, GOAL, "no stall fell into the slice")
        else:
            measured_ns = seen.response.quantile_ns(QUANTILES[name])
            allowed_ns = ALLOWED_SHARE * true_ns
            yield judged(_about(seen), quantity, GOAL, true_ns, measured_ns, allowed_ns)


def _judged_hidden(
    about: str, quantity: str, true_ns: float, measured_ns: float | None
) -> CalibrationCheck:
    hidden = measured_ns is not None and measured_ns < HIDDEN_SHARE * true_ns
    measured_ms = None if measured_ns is None else measured_ns / 1e6
    return CalibrationCheck(
        about,
        quantity,
        "ms",
        HIDDEN_GOAL,
        true_ns / 1e6,
        measured_ms,
        None,
        "pass" if hidden else "fail",
    )


def _about(seen: Seen) -> str:
    return f"stalls, {seen.users} users"


def _seen(walked: Walked, truth: Truth) -> Seen:
    ((planned, record),) = walked.records.items()
    dues_ns = dues_of(planned, walked.phase(planned), record, walked.order.run_started_ns)
    return Seen(
        users=walked.order.experiment.pool_users,
        dues_ns=dues_ns,
        waits_ns=stalled_waits_ns(dues_ns, truth.stalls_ns),
        response=_histogram(record, "response"),
        service=_histogram(record, "service"),
    )


def _histogram(record: SliceRecord, clock: str) -> Histogram:
    return merged(getattr(endpoint, clock) for endpoint in record.endpoints.values())
