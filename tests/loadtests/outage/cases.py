"""One arm's trial in a line: a second before, two of a fault, three after; times in seconds."""

from __future__ import annotations

from typing import Any

from loadtests.model import LawRecord, Outage, PlannedSlice
from loadtests.outage.course import Case, Course
from loadtests.outage.sightings import Asked, VictimSeen
from tests.builders import an_arm

S = 1_000_000_000
MEND_S = 3.1
SESSIONS = LawRecord(
    0.0, "at once", "503", "again", down="at_once", survivors="refuse", everysec_undoes_s=2.0
)
CACHED = LawRecord(0.5, "within 0.5 s", "503", "again", down="within_law", survivors="refuse")
PUSHED = LawRecord(
    0.5, "within 0.5 s", "503", "again", "within_law", "refuse", "log", "within_law", 2.0
)
TRACKED = LawRecord(
    0.5, "within 0.5 s", "503", "again", "within_law", "refuse", "tracking", "serves", 2.0
)
BLIND = LawRecord(60.0, "expiry", "served", "again", "serves", "serve", "channel", "serves")
PLAIN = LawRecord(60.0, "expiry", "unaffected", "unaffected", "unaffected", "serve")
NONE = LawRecord(None, "never", "unaffected", "unaffected", "unaffected", "serve")


def a_course(**changes: Any) -> Course:
    """Struck at 1 s, mended at 3 s."""
    usual: dict[str, Any] = {
        "began_ns": S,
        "struck_ns": int(1.01 * S),
        "mending_ns": 3 * S,
        "mended_ns": {"": int(MEND_S * S)},
        "added_delay_p50_s": 0.0001,
        "added_delay_p99_s": 0.0002,
    }
    return Course(**(usual | changes))


def a_case(fault: str = "frozen", law: LawRecord = SESSIONS, **course: Any) -> Case:
    return Case(
        planned=PlannedSlice(block=1, phase="dark", round=0, arm="session_redis", seed=7),
        trial=1,
        arm=an_arm("session_redis"),
        law=law,
        outage=Outage(
            fault=fault,
            before_s=1.0,
            fault_s=2.0,
            after_s=3.0,
            victims_before=1,
            victims_during=1,
            probe_every_s=0.5,
        ),
        course=a_course(**course),
        started_s=12.0,
        deadline_s=0.1,
        needs_store=True,
    )


def asked(
    due_s: float, outcome: str = "200", took_s: float = 0.001, replica: int = 0, logins: int = 0
) -> Asked:
    due_ns = round(due_s * S)
    return Asked(replica, outcome, due_ns, due_ns, due_ns + round(took_s * S), logins)


def steady(*spells: tuple[float, float, str], every_s: float = 0.05) -> list[Asked]:
    """A request every `every_s` from second to second, all with one outcome."""
    return [
        asked(from_s + number * every_s, outcome)
        for from_s, until_s, outcome in spells
        for number in range(round((until_s - from_s) / every_s))
    ]


def a_victim(acked_s: float, *probes: Asked, **changes: Any) -> VictimSeen:
    usual: dict[str, Any] = {
        "how": "kick",
        "via_replica": 0,
        "revoke": "ok",
        "sent_ns": round((acked_s - 0.01) * S),
        "acked_ns": round(acked_s * S),
        "promised_s": 0.0,
        "expires_ns": None,
        "probes": probes,
    }
    return VictimSeen(**(usual | changes))
