"""What no single key of an experiment can tell: keys that do not go together."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from loadtests.model import ConfigurationError, Experiment, Phase
from loadtests.plan import predicted_s
from loadtests.search import Search
from loadtests.server_flags import RESERVED

# What a server mints at once unless `[server] mint_max` says otherwise; its `--mint-max`.
MINT_MAX = 100_000
# Below it a p99 is hardly more than the slowest request.
REQUESTS_A_PROBE = 100


def check_whole(path: Path, experiment: Experiment, control: str | None) -> None:
    """Raises ConfigurationError, one line, naming the key to change and what is allowed."""
    _check_names(path, experiment, control)
    _check_phases(path, experiment)
    _check_takers(path, experiment)
    _check_searches(path, experiment)
    _check_servers(path, experiment)
    _check_outages(path, experiment)
    _check_trials_time(path, experiment)
    check_groups(f"{path}: groups", experiment)


def check_groups(key: str, experiment: Experiment) -> None:
    """Raises as `check_whole` does, `key` being where the number of groups was said."""
    if experiment.is_of_outages:
        most, why = len(experiment.arms), "as many as there are arms"
    else:
        most, why = 1, "as only outages meet several arms at once"
    if not 1 <= experiment.groups <= most:
        raise ConfigurationError(f"{key} = {experiment.groups}; allowed: 1 to {most}, {why}")


def _check_names(path: Path, experiment: Experiment, control: str | None) -> None:
    arms = [arm.name for arm in experiment.arms]
    phases = [phase.name for phase in experiment.phases]
    for key, names in (("arms", arms), ("phases", phases)):
        if len(set(names)) < len(names):
            raise ConfigurationError(f"{path}: {key}: names {names}; allowed: each only once")
    for key, value in (("reference", experiment.reference), ("control", control)):
        if value is not None and value not in arms:
            raise ConfigurationError(f"{path}: {key} = {value!r}; allowed: {', '.join(arms)}")


def _check_phases(path: Path, experiment: Experiment) -> None:
    most = max((phase.load.users or 0 for phase in experiment.phases), default=0)
    if most > experiment.pool_users:
        raise ConfigurationError(
            f"{path}: pool_users = {experiment.pool_users}; allowed: at least {most}, "
            "the users of the largest closed load"
        )
    if experiment.generators > experiment.pool_users:
        raise ConfigurationError(
            f"{path}: generators = {experiment.generators}; allowed: at most "
            f"{experiment.pool_users} (pool_users), so that each has a user"
        )


def _check_takers(path: Path, experiment: Experiment) -> None:
    """Which arms take part in a phase, and whether their capacity is known where it must be."""
    measured = set[str]()
    for phase in experiment.phases:
        _check_arms(path, experiment, phase)
        takers = {arm.name for arm in experiment.arms_in(phase)}
        measured |= takers if phase.kind == "capacity" else set()
        if phase.trials is not None and phase.trials.background_fraction and takers - measured:
            raise ConfigurationError(
                f"{path}: phases.{phase.name}.trials.background_fraction = "
                f"{phase.trials.background_fraction}; allowed: 0, or after a `capacity` phase of "
                "the same arms"
            )


def _check_arms(path: Path, experiment: Experiment, phase: Phase) -> None:
    names = [arm.name for arm in experiment.arms]
    unknown = [name for name in phase.arms if name not in names]
    if unknown:
        raise ConfigurationError(
            f"{path}: phases.{phase.name}.arms = {unknown[0]!r}; allowed: {', '.join(names)}"
        )
    for arm in experiment.arms_in(phase) if phase.browsers is not None else ():
        if not is_grace(arm.settings.get("grace_s")):
            raise ConfigurationError(
                f"{path}: arms.{arm.name}.settings.grace_s = {arm.settings.get('grace_s')!r}; "
                f"allowed: a number of seconds, as phases.{phase.name} tries it"
            )


def is_grace(value: object) -> bool:
    """Whether a setting can be a grace: what it means when left out only the servers know."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _check_servers(path: Path, experiment: Experiment) -> None:
    """What servers would take but a run cannot use; what they refuse, they say themselves."""
    for key, value in experiment.server.items():
        if key.replace("-", "_") in RESERVED:
            raise ConfigurationError(
                f"{path}: server.{key} = {value!r}; allowed: no value, a run decides this itself"
            )
    mint_max = experiment.server.get("mint_max", MINT_MAX)
    if type(mint_max) is int and experiment.population > mint_max:
        raise ConfigurationError(
            f"{path}: population = {experiment.population}; allowed: at most {mint_max}, "
            "as many as a server mints at once (server.mint_max)"
        )


def _check_outages(path: Path, experiment: Experiment) -> None:
    """Its arms share a store that fails, so nothing else can be measured there; they have users
    and replicas at once, and one generator."""
    if not experiment.is_of_outages:
        return
    others = [phase for phase in experiment.phases if phase.outage is None]
    if others:
        raise ConfigurationError(
            f"{path}: phases.{others[0].name}.kind = {others[0].kind!r}; allowed: `outage`, as in "
            "the others: one store serves every arm there, and fails"
        )
    far = next((phase for phase in experiment.phases if phase.store_delay_s is not None), None)
    if far is not None:
        raise ConfigurationError(
            f"{path}: phases.{far.name}.store_delay_ms: set; allowed: no value in an `outage` "
            "phase, whose faults have distances of their own (slow_5ms, slow_50ms)"
        )
    some = next((phase for phase in experiment.phases if phase.arms), None)
    if some is not None:
        raise ConfigurationError(
            f"{path}: phases.{some.name}.arms = {list(some.arms)}; allowed: no value in an "
            "`outage` phase: its fault hits every arm"
        )
    arms = len(experiment.arms)
    each = math.ceil(experiment.pool_users / arms)
    limits = (
        ("generators", experiment.generators, "1", experiment.generators == 1),
        ("population", experiment.population, f"at least {each}, the users who stand at each arm, "
         "or some of them would be revoked", experiment.population >= each),
        ("pool_users", experiment.pool_users, f"at least {2 * arms}, as an `outage` phase has them "
         "at every arm at once", experiment.pool_users >= 2 * arms),
        *((f"arms.{arm.name}.replicas", arm.replicas, "at least 2, as an `outage` phase asks what "
           "one replica knows of what another did", arm.replicas >= 2) for arm in experiment.arms),
    )  # fmt: skip
    for key, value, allowed, holds in limits:
        if not holds:
            raise ConfigurationError(f"{path}: {key} = {value}; allowed: {allowed}")


def _check_trials_time(path: Path, experiment: Experiment) -> None:
    minutes = experiment.trials_within_minutes
    if minutes is None:
        return
    key = f"{path}: trials_within_minutes = {minutes:g}"
    rest = tuple(phase for phase in experiment.phases if phase.trials is None)
    if len(rest) == len(experiment.phases):
        raise ConfigurationError(f"{key}; allowed: only where a phase has `trials`")
    least = predicted_s(replace(experiment, phases=rest)) / 60
    if minutes < least:
        raise ConfigurationError(
            f"{key}; allowed: at least {least:.1f}, what all else than trials takes"
        )


def _check_searches(path: Path, experiment: Experiment) -> None:
    for phase in experiment.phases:
        if phase.search is not None:
            _check_search(path, experiment, phase, phase.search)


def _check_search(path: Path, experiment: Experiment, phase: Phase, search: Search) -> None:
    where = f"{path}: phases.{phase.name}"
    if search.highest_rps <= search.lowest_rps:
        raise ConfigurationError(
            f"{where}.search.highest_rps = {search.highest_rps:g}; allowed: more than "
            f"{search.lowest_rps:g} (lowest_rps)"
        )
    # A queue that grows by `precision` of the rate has to pass the limit before its probe ends.
    shortest_s = max(
        search.p99_ms / 1e3 * (1 + 1 / search.precision), REQUESTS_A_PROBE / search.lowest_rps
    )
    shortest_s = math.ceil(round(shortest_s * 1e3, 6)) / 1e3
    if phase.slice_s < shortest_s:
        raise ConfigurationError(
            f"{where}.slice_s = {phase.slice_s:g}; allowed: at least {shortest_s:g}, so that "
            f"{REQUESTS_A_PROBE} requests fall due at lowest_rps and a rate {search.precision:.0%} "
            f"too high passes {search.p99_ms:g} ms"
        )
    # Little's law: with fewer users the generator would hold back what the server should get.
    users = math.ceil(search.highest_rps * search.p99_ms / 1e3)
    if experiment.pool_users < users:
        raise ConfigurationError(
            f"{path}: pool_users = {experiment.pool_users}; allowed: at least {users}, "
            f"highest_rps × p99_ms of phases.{phase.name}.search"
        )
