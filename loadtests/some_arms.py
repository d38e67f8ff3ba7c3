"""An experiment with some of its arms: what a machine can carry at once, or what one cares for."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from loadtests.experiment_checks import check_groups
from loadtests.gates import check_rules
from loadtests.model import CONTROL_SUFFIX, ConfigurationError, Experiment, Phase


def with_arms(path: Path, experiment: Experiment, names: Collection[str]) -> Experiment:
    """The arms of these names, each with its control; the first of them is the reference where
    the experiment's own is left out. Phases of none of them are left out too.

    Raises ConfigurationError for a name that no arm has, and where a gate or a precision asks for
    an arm that is left out.
    """
    known = [arm.name for arm in experiment.arms if not arm.is_control]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(f"--arms {unknown[0]!r}; allowed: {', '.join(known)}")
    arms = tuple(arm for arm in experiment.arms if arm.name.removesuffix(CONTROL_SUFFIX) in names)
    left = {arm.name for arm in arms}
    _check_precision(path, experiment, left)
    narrowed = replace(
        experiment,
        arms=arms,
        reference=experiment.reference if experiment.reference in left else arms[0].name,
        phases=tuple(
            replace(phase, arms=_left_of(phase, left))
            for phase in experiment.phases
            if not phase.arms or _left_of(phase, left)
        ),
        pool_users=_pool_users(experiment, len(arms)),
    )
    check_rules(path, narrowed)
    return narrowed


def in_groups(experiment: Experiment, groups: int) -> Experiment:
    """Its arms go in so many groups, one after the other. Raises ConfigurationError where that
    cannot be."""
    grouped = replace(experiment, groups=groups)
    check_groups("--groups", grouped)
    return grouped


def _left_of(phase: Phase, left: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in phase.arms if name in left)


def _pool_users(experiment: Experiment, arms: int) -> int:
    """Arms of outages share them, each its part; elsewhere every arm has them in its turn."""
    if not experiment.is_of_outages:
        return experiment.pool_users
    return math.floor(experiment.pool_users * arms / len(experiment.arms))


def _check_precision(path: Path, experiment: Experiment, left: Collection[str]) -> None:
    """Each of its terms (ARM.PHASE.METRIC) is compared with the reference."""
    terms = experiment.precision.comparisons if experiment.precision is not None else ()
    asked = [term.partition(".")[0] for term in terms]
    for name in (*asked, experiment.reference) if asked else ():
        if name not in left:
            raise ConfigurationError(f"{path}: precise: asks for {name!r}, which --arms leaves out")
