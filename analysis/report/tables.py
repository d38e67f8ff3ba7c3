"""The report's tables, as text in cells; Markdown and HTML draw the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.report.summary import Summary
from analysis.units import plain_seconds
from loadtests.model import Arm, LawRecord, Setting

NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Table:
    """A captioned table; the first cell of a row names it. `notes` stand below."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    folded: bool = False


def arms_table(summary: Summary) -> Table:
    experiment = summary.reading.experiment
    return Table(
        caption="What was compared",
        columns=("arm", "strategy", "replicas", "carrier", "settings", "revoked", "law"),
        rows=tuple(_arm_row(arm, summary.reading.law(arm.name)) for arm in experiment.arms),
        notes=(
            f"Reference: {experiment.reference}.",
            *(
                f"{arm.name} is the A/A control: a second copy, whose difference is noise."
                for arm in experiment.arms
                if arm.is_control
            ),
            *(
                f"Impossible, so not measured: {arm}: {why}."
                for arm, why in summary.reading.impossible.items()
            ),
        ),
    )


def environment_table(summary: Summary) -> Table:
    run = summary.reading.run
    store = f"{run.store.name} {run.store.version}, allocator {run.store.allocator or NOTHING}"
    facts = {
        "started": run.started_at,
        "finished": run.finished_at or NOTHING,
        "seed": str(run.seed),
        "commit": run.git_commit or NOTHING,
        "store": f"{store}, {'one for all arms' if run.store.shared else 'one an arm'}",
        "server settings": settings_text(run.experiment.server),
        **{name: _text(value) for name, value in run.environment.items()},
    }
    return Table("Where it ran", ("what", "value"), tuple(facts.items()))


def settings_text(settings: Mapping[str, Setting]) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in settings.items()) or "defaults"


def _arm_row(arm: Arm, law: LawRecord | None) -> tuple[str, ...]:
    state = {} if arm.state_bytes is None else {"state_bytes": arm.state_bytes}
    settings = settings_text({**arm.settings, **state})
    return arm.name, arm.strategy, str(arm.replicas), arm.carrier, settings, *_law(law)


def _law(law: LawRecord | None) -> tuple[str, str]:
    """The bound, and the law in the strategy's own words."""
    if law is None:
        return NOTHING, "not asked"
    if law.bound_s is None:
        return "never", law.sentence
    return f"within {plain_seconds(law.bound_s)}" if law.bound_s else "at once", law.sentence


def _text(value: Setting | None) -> str:
    return NOTHING if value is None else str(value)
