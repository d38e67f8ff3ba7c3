"""Gates: what must hold between the numbers of a run, such as

    jwt_cached.capacity.requests_per_core_second >= 0.85 * none.capacity.requests_per_core_second
    jwt_hs256.latency-1000.latency_p99_ms@GET /me < 5

The left side is ARM.PHASE.METRIC, the comparison >=, <=, > or <, the right side a NUMBER or
[FACTOR *] ARM.PHASE.METRIC. A metric of an endpoint has that endpoint behind an @; one that
belongs to no phase has none: ARM.METRIC. Pure: grammar and names; the analysis judges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from loadtests.metric_names import METRIC_KINDS, PER_ENDPOINT
from loadtests.model import ConfigurationError, Experiment

Relation = Literal[">=", "<=", ">", "<"]

_NAME = r"[a-z0-9][a-z0-9_-]*"
_TERM = re.compile(
    rf"(?P<arm>{_NAME}(?:#2)?)(?:\.(?P<phase>{_NAME}))?\.(?P<metric>[a-z][a-z0-9_]*)"
    r"(?:\s*@\s*(?P<endpoint>[A-Z]+ /[^\s*<>=]*))?",
    re.ASCII,
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_RELATION = re.compile(">=|<=|>|<")
_A_TERM = "ARM.PHASE.METRIC, a metric of an endpoint followed by @METHOD /path"


class GateError(ValueError):
    """What is wrong with a gate and what is allowed: one line."""


@dataclass(frozen=True, slots=True)
class Term:
    """A number of a run. No `phase`: the metric belongs to none; no `endpoint`: the only one."""

    arm: str
    phase: str | None
    metric: str
    endpoint: str | None = None

    def __str__(self) -> str:
        name = ".".join(part for part in (self.arm, self.phase, self.metric) if part)
        return f"{name}@{self.endpoint}" if self.endpoint else name


@dataclass(frozen=True, slots=True)
class Gate:
    """`left` compared with `number`, or with `number` times `right` where there is one."""

    left: Term
    relation: Relation
    number: float
    right: Term | None = None

    @property
    def terms(self) -> tuple[Term, ...]:
        return (self.left,) if self.right is None else (self.left, self.right)

    def __str__(self) -> str:
        number = repr(self.number).removesuffix(".0")
        if self.right is None:
            return f"{self.left} {self.relation} {number}"
        factor = "" if self.number == 1 else f"{number} * "
        return f"{self.left} {self.relation} {factor}{self.right}"


def check_rules(path: Path, experiment: Experiment) -> None:
    """Raises ConfigurationError naming the first of the experiment's rules that cannot be."""
    for number, rule in enumerate(experiment.gates):
        read_rule(rule, experiment, f"{path}: gate.rules.{number}")


def read_rule(rule: str, experiment: Experiment, key: str) -> Gate:
    """Raises ConfigurationError, one line that names `key`, for what is no gate here."""
    try:
        gate = parse(rule)
        check_names(gate, experiment)
    except GateError as error:
        raise ConfigurationError(f"{key} = {rule!r}: {error}") from None
    return gate


def parse(rule: str) -> Gate:
    """Raises GateError."""
    relations = _RELATION.findall(rule)
    if len(relations) != 1:
        found = " and ".join(relations) or "none"
        raise GateError(f"comparisons: {found}; allowed: one of >=, <=, >, <")
    left, right = (side.strip() for side in _RELATION.split(rule))
    number, term = _right_side(right)
    return Gate(_term(left, "left side", _A_TERM), cast("Relation", relations[0]), number, term)


def check_names(gate: Gate, experiment: Experiment) -> None:
    """Raises GateError when the experiment has no such arm, phase or metric."""
    for term in gate.terms:
        check_term(term, experiment)


def read_term(text: str) -> Term:
    """Raises GateError."""
    return _term(text, "term", _A_TERM)


def check_term(term: Term, experiment: Experiment) -> None:
    """Raises GateError when the experiment has no such arm, phase or metric."""
    kinds = {phase.name: phase.kind for phase in experiment.phases}
    _check_known("arm", term.arm, [arm.name for arm in experiment.arms])
    _check_known("metric", term.metric, METRIC_KINDS)
    wanted = METRIC_KINDS[term.metric]
    fitting = [name for name, kind in kinds.items() if kind in wanted]
    _check_phase(term, fitting, in_phases=bool(wanted))
    if term.endpoint is not None and term.metric not in PER_ENDPOINT:
        allowed = ", ".join(sorted(PER_ENDPOINT))
        raise GateError(f"endpoint {term.endpoint!r} of {term.metric}; allowed: of {allowed}")


def _check_phase(term: Term, fitting: list[str], *, in_phases: bool) -> None:
    if not in_phases and term.phase is not None:
        allowed = Term(term.arm, None, term.metric)
        raise GateError(f"phase {term.phase!r}: {term.metric} has none; allowed: {allowed}")
    if in_phases and not fitting:
        raise GateError(f"metric {term.metric!r}: no phase of this experiment measures it")
    if in_phases and term.phase not in fitting:
        given = "none" if term.phase is None else repr(term.phase)
        raise GateError(f"phase {given} for {term.metric}; allowed: {', '.join(fitting)}")


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise GateError(f"{what} {name!r}; allowed: {', '.join(known)}")


def _right_side(text: str) -> tuple[float, Term | None]:
    """The bound and None, or the factor and the term it multiplies."""
    if _NUMBER.fullmatch(text):
        return _number(text), None
    allowed = f"a number, or [FACTOR *] {_A_TERM}"
    factor, star, term = text.rpartition("*")
    if not star:
        return 1.0, _term(text, "right side", allowed)
    factor = factor.strip()
    if not _NUMBER.fullmatch(factor) or _number(factor) == 0:
        raise GateError(f"factor {factor!r}; allowed: a number above 0")
    return _number(factor), _term(term.strip(), "right side", allowed)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise GateError(f"number {text!r}; allowed: up to 1.7e308")
    return value


def _term(text: str, side: str, allowed: str) -> Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise GateError(f"{side} {text!r}; allowed: {allowed}")
    return Term(found["arm"], found["phase"], found["metric"], found["endpoint"])
