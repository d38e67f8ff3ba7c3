from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from loadtests import run_store, runner
from loadtests.block import BlockPlan, Readied
from loadtests.environment import NO_STORE, changes, store_changes
from loadtests.messages import Message
from loadtests.model import Placement, StoreInfo
from loadtests.progress import make_progress
from loadtests.target import RunSecrets
from tests.builders import a_block, a_run, an_experiment

VALKEY = StoreInfo("valkey", "9.1.0", "libc", shared=False)


def test_a_fact_that_is_another_or_gone_is_a_line() -> None:
    before = {"python": "3.11.7", "governor": "performance", "kernel": "6.1"}
    assert changes(before, {"python": "3.11.7", "governor": "powersave", "kernel": None}) == [
        "governor: powersave, was performance",
        "kernel: None, was 6.1",
    ]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (VALKEY, []),
        (NO_STORE, []),
        (
            replace(VALKEY, version="9.2.0"),
            ["store: valkey 9.2.0 (libc, one an arm), was valkey 9.1.0 (libc, one an arm)"],
        ),
        (
            replace(VALKEY, shared=True),
            ["store: valkey 9.1.0 (libc, one for all arms), was valkey 9.1.0 (libc, one an arm)"],
        ),
    ],
)
def test_another_store_is_a_line(now: StoreInfo, said: list[str]) -> None:
    assert store_changes(VALKEY, now) == said
    assert store_changes(NO_STORE, now) == []


def test_a_block_on_another_store_is_a_change_and_does_not_hide_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = an_experiment(blocks=2)
    stores = [VALKEY, replace(VALKEY, version="9.2.0")]

    def measured(
        _plan: BlockPlan, block: int, on_ready: Callable[[Readied], None]
    ) -> Iterator[Message]:
        on_ready(Readied(a_block(experiment, block), stores[block]))
        yield Message(done=True)

    monkeypatch.setattr(runner, "measure_block", measured)
    plan = BlockPlan(experiment, {}, Placement((), (), ()), RunSecrets.fresh(), 0)
    record = replace(a_run(experiment, blocks=()), store=NO_STORE)
    run_store.write_run(tmp_path, record)
    progress = make_progress(Console(quiet=True), 2, 1, 1.0)
    for block in range(2):
        record = runner._run_block(plan, block, tmp_path, record, progress)
    assert record.store == VALKEY
    before, after = ([c for c in b.changes if c.startswith("store")] for b in record.blocks)
    assert before == []
    assert after == store_changes(*stores)
