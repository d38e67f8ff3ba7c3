from __future__ import annotations

import importlib

import pytest

from loadtests import scenarios
from loadtests.model import ConfigurationError


@pytest.mark.parametrize("name", scenarios.available())
def test_every_file_is_a_scenario_that_asks_a_question(name: str) -> None:
    iterate = scenarios.load(name)
    assert callable(iterate)
    docstring = importlib.import_module(iterate.__module__).__doc__ or ""
    assert "?" in docstring.splitlines()[0]


@pytest.mark.parametrize("name", ["nope", "", "browse.py", "../model", "__init__"])
def test_an_unknown_one_names_the_allowed(name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        scenarios.load(name)
    allowed = "browse, journey, login_storm, lookups, outage, refresh, revocation, tabs"
    assert str(raised.value) == f"scenario: {name!r}; allowed: {allowed}"
