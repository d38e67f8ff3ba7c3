"""What a person sees while a run measures: a live line, or plain lines without a terminal.

Draws only when told to, which is between slices: nothing is drawn during recorded time.
"""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadtests.checks import is_success
from loadtests.model import OutageRecord, PlannedSlice, SliceRecord


class Progress(Protocol):
    """What the runner tells of its course."""

    def say(self, line: str) -> None: ...
    def slice_starts(self, planned: PlannedSlice) -> None: ...
    def slice_ended(self, record: SliceRecord) -> None: ...
    def outage_ended(self, record: OutageRecord) -> None: ...
    def close(self) -> None: ...


class Countdown:
    """Time left, from the plan's prediction corrected by how fast the slices so far went."""

    def __init__(self, slices: int, predicted_s: float) -> None:
        self._slices = slices
        self._predicted_s = predicted_s
        self._started_s = time.monotonic()
        self.done = 0

    def left_s(self) -> float:
        elapsed_s = time.monotonic() - self._started_s
        share = self.done / self._slices
        total_s = (1 - share) * self._predicted_s + share * elapsed_s / max(share, 1e-9)
        return max(0.0, total_s - elapsed_s)


def rate_rps(record: SliceRecord) -> float:
    succeeded = sum(
        count
        for endpoint in record.endpoints.values()
        for outcome, count in endpoint.outcomes.items()
        if is_success(outcome)
    )
    return succeeded / record.duration_s


def outcome(record: OutageRecord) -> str:
    """How an arm came through a trial, in a few words."""
    if record.first_error_s is None:
        went = "served all the while"
    elif record.recovered_s is None:
        went = "never recovered"
    else:
        went = f"recovered {max(0.0, record.recovered_s - record.mended_s):.1f} s after the mend"
    doubts = {
        "false accepts": record.false_accepts,
        "false rejects": record.false_rejects,
        "hung": record.hung,
    }
    said = [went, *(f"{count} {what}" for what, count in doubts.items() if count)]
    return ", ".join(said if record.policy_held else [*said, "policy broken"])


class LiveProgress:
    """One line that rewrites itself: block, slice, arm, req/s, time left."""

    def __init__(self, console: Console, blocks: int, countdown: Countdown, slices: int) -> None:
        self._blocks, self._countdown, self._slices = blocks, countdown, slices
        self._console = console
        self._last = ""
        self._live = Live(Text("starting …"), console=console, auto_refresh=False)
        self._live.start()

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False)

    def slice_starts(self, planned: PlannedSlice) -> None:
        line = (
            f"block {planned.block + 1}/{self._blocks} · slice {self._countdown.done + 1}"
            f"/{self._slices} · {planned.phase} · {planned.arm} · "
            f"{self._countdown.left_s():.0f} s left{self._last}"
        )
        self._live.update(Text(line, overflow="ellipsis", no_wrap=True), refresh=True)

    def slice_ended(self, record: SliceRecord) -> None:
        self._countdown.done += 1
        self._last = f" · last: {record.arm} {rate_rps(record):,.0f} req/s"

    def outage_ended(self, record: OutageRecord) -> None:
        self._countdown.done += 1
        self._last = f" · last: {record.arm} {outcome(record)}"

    def close(self) -> None:
        self._live.stop()


class PlainProgress:
    """A line a slice, for logs and pipes."""

    def __init__(self, console: Console, blocks: int, countdown: Countdown) -> None:
        self._console, self._blocks, self._countdown = console, blocks, countdown

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def slice_starts(self, planned: PlannedSlice) -> None:
        return

    def slice_ended(self, record: SliceRecord) -> None:
        self._countdown.done += 1
        self.say(
            f"block {record.block + 1}/{self._blocks} {record.phase} round {record.round + 1} "
            f"{record.arm}: {rate_rps(record):,.0f} req/s, {self._countdown.left_s():.0f} s left"
            + (f" ({', '.join(record.findings)})" if record.findings else "")
        )

    def outage_ended(self, record: OutageRecord) -> None:
        self._countdown.done += 1
        self.say(
            f"block {record.block + 1}/{self._blocks} {record.phase} trial {record.trial + 1} "
            f"{record.arm}: {outcome(record)}, {self._countdown.left_s():.0f} s left"
        )

    def close(self) -> None:
        return


def make_progress(console: Console, blocks: int, slices: int, predicted_s: float) -> Progress:
    countdown = Countdown(slices, predicted_s)
    if console.is_terminal:
        return LiveProgress(console, blocks, countdown, slices)
    return PlainProgress(console, blocks, countdown)
