"""Lines of the labs in one line each: outages, browsers of several tabs, thefts."""

from __future__ import annotations

import dataclasses
from typing import Any

from loadtests.model import OutageRecord, Replay, TabsRecord


def an_outage(**changes: Any) -> OutageRecord:
    """Half a second of a trial in which everything held: 503 while the store was away."""
    record = OutageRecord(
        block=0,
        phase="frozen",
        fault="frozen",
        trial=0,
        arm="session_redis",
        replicas=2,
        started_s=12.0,
        fault_s=0.2,
        mended_s=0.4,
        ended_s=0.5,
        bin_s=0.1,
        bins=({"200": 10}, {"200": 9}, {"503": 10}, {"503": 9, "timeout": 1}, {"200": 10}),
        first_error_s=0.21,
        worst_response_s=0.31,
        hung=0,
        recovered_s=0.4,
        revokes_ok=3,
        revokes_refused=0,
        revokes_indeterminate=1,
        probes=80,
        accepted_after_ack=0,
        accepted_after_ack_worst_s=0.0,
        false_accepts=0,
        false_accept_worst_s=0.0,
        false_rejects=0,
        logged_out=0,
        policy="at_once",
        policy_held=True,
        policy_why=None,
        added_delay_p50_s=0.0001,
        added_delay_p99_s=0.0002,
    )
    return dataclasses.replace(record, **changes)


def a_browser(**changes: Any) -> TabsRecord:
    """Two tabs half a second apart, within a grace of 1 s."""
    record = TabsRecord(
        block=0,
        phase="tabs",
        trial=0,
        arm="jwt_refresh",
        grace_s=1.0,
        tabs=2,
        within_s=8.0,
        started_s=50.0,
        spread_s=0.5,
        apart_low_s=0.498,
        apart_high_s=0.503,
        refused_tabs=0,
        outcome="kept",
    )
    return dataclasses.replace(record, **changes)


def a_theft(**changes: Any) -> TabsRecord:
    """A token replayed until it was refused, 4 ms behind its grace of 1 s."""
    theft = {
        "tabs": 1,
        "within_s": 0.0,
        "spread_s": 0.0,
        "apart_low_s": 0.0,
        "apart_high_s": 0.0,
        "outcome": "logged_out",
        "thief": (
            Replay(0.2, 0.201, True),
            Replay(0.996, 0.998, True),
            Replay(1.004, 1.006, False),
        ),
        "family_ended": True,
    }
    return a_browser(**(theft | changes))
