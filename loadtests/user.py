"""The Locust base user: takes the current slice's arm and due times, or lives by hand."""

from __future__ import annotations

from typing import Any

from locust import User, task

from loadtests.visitor import Visitor

# Locust's environment carries its modes' own attributes and untyped hooks.
LocustEnvironment = Any


class SimulatedUser(User):
    """`environment.attend` is the life a mode gives its users: planned, or by hand."""

    abstract = True

    def __init__(self, environment: LocustEnvironment) -> None:
        super().__init__(environment)
        self.visitor: Visitor | None = None

    @task
    def live(self) -> None:
        self.environment.attend(self)
