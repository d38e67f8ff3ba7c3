"""report.html's frontier: driven by keyboard in a real browser, and standing still without one."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.frontier.choice import STOPS_S, WISHES, Candidate, choose
from analysis.report import Written, write_report
from analysis.report.frontier_part import FrontierPart
from analysis.report.html import as_html
from tests.all_strategies import write_the_run
from tests.browser import NO_BROWSER, Page, browser, program

needs_browser = pytest.mark.skipif(program() is None, reason=NO_BROWSER)
SAID = "document.getElementById('frontier-said').textContent"
WIDTHS = (1400, 700, 360)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_report(write_the_run(tmp_path_factory.mktemp("results")))


@pytest.fixture
async def page(written: Written, tmp_path: Path) -> AsyncIterator[Page]:
    async with browser(tmp_path / "profile") as opened:
        await opened.resize(1400, 900)
        await opened.open(written.page)
        yield opened


def part_of(written: Written) -> FrontierPart:
    part = written.content.frontier
    assert part is not None
    return part


def candidates(written: Written) -> list[Candidate]:
    """As the page holds them."""
    text = written.page.read_text()
    found = re.search(r'<script id="frontier-data" type="application/json">(.*?)</script>', text)
    assert found is not None
    told = json.loads(found.group(1))
    return [_candidate(each) for each in told["candidates"]]


def _candidate(row: dict[str, Any]) -> Candidate:
    fields = {name: value for name, value in row.items() if name != "facts"}
    return Candidate(**{**fields, "meets": tuple(row["meets"]), "ties": tuple(row["ties"])})


def shown(selector: str) -> str:
    return (
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        ".filter(each => each.getClientRects().length)"
    )


async def arms_of_class(page: Page, name: str) -> set[str]:
    return set(await page.value(f"{shown(f'.mark.{name}')}.map(each => each.dataset.arm)"))


@needs_browser
async def test_the_page_chooses_as_the_report_does(page: Page, written: Written) -> None:
    known = candidates(written)
    keys = [wish.key for wish in WISHES]
    assert await page.value(SAID) == part_of(written).sentence
    # Every stop with each set of wishes that one bit more of a number makes.
    for asked in range(2 ** len(keys)):
        wishes = [key for bit, key in enumerate(keys) if asked >> bit & 1]
        told = await page.value(sentences_for(wishes))
        assert told == [choose(known, stop, wishes).sentence for stop in STOPS_S]
    assert page.logged == []


def sentences_for(wishes: list[str]) -> str:
    """JavaScript that sets the switches and reads the sentence at every stop of the slider."""
    return f"""(wishes => {{
        const set = (input, kind) => input.dispatchEvent(new Event(kind, {{bubbles: true}}));
        document.querySelectorAll("input[name=wish]").forEach(each => {{
            each.checked = wishes.includes(each.value); set(each, "change"); }});
        const slider = document.getElementById("frontier-lag");
        return [...Array(Number(slider.max) + 1).keys()].map(stop => {{
            slider.value = stop; set(slider, "input"); return {SAID}; }});
    }})({json.dumps(wishes)})"""


@needs_browser
async def test_everything_can_be_done_by_keyboard(page: Page, written: Written) -> None:
    known = candidates(written)
    assert await page.value(f"{shown('#frontier-still svg')}.length") == 0
    assert not await page.value("document.getElementById('frontier-numbers').open")
    await page.value("document.getElementById('frontier-lag').focus()")
    await page.press("ArrowRight", times=2)
    usual = STOPS_S.index(1.0)
    assert await page.value(SAID) == choose(known, STOPS_S[usual + 2], ()).sentence
    assert await page.value("document.activeElement.getAttribute('aria-valuetext')") == "5 s"
    await page.press("End")
    assert await page.value(SAID) == choose(known, STOPS_S[-1], ()).sentence
    await page.press("Tab", times=3)
    await page.press(" ")
    expected = choose(known, STOPS_S[-1], ("verifiable",))
    assert await page.value(SAID) == expected.sentence
    assert expected.cheapest == "jwt_rs256"
    everyone = {each.arm for each in known}
    assert await arms_of_class(page, "cheapest") == {"jwt_rs256"}
    assert await arms_of_class(page, "out") == everyone - set(expected.qualifying)
    await page.press("Tab", times=2)
    focused = await page.value("document.activeElement.dataset.arm")
    facts = await page.value("document.getElementById('frontier-detail').textContent")
    assert focused == known[0].arm
    assert "requests per core-second" in facts
    assert known[0].said_cost in facts
    label = await page.value("document.activeElement.getAttribute('aria-label')")
    assert known[0].said_cost in label
    assert label.endswith("Does not qualify")


@needs_browser
async def test_nothing_leaves_the_page_and_nothing_goes_wrong(page: Page, written: Written) -> None:
    await page.value(sentences_for(["no_store"]))
    assert page.requests == [written.page.as_uri()]
    assert page.logged == []
    # What would be seen if it did.
    await page.value(
        "console.log('heard'); const image = new Image(); var tried = false;"
        "image.onerror = () => { tried = true; }; image.src = 'nowhere.png'; 1"
    )
    await page.until("tried")
    assert page.requests[1:] == [(written.page.parent / "nowhere.png").as_uri()]
    assert "heard" in page.logged[0]


@needs_browser
@pytest.mark.parametrize("width", WIDTHS)
async def test_it_fits_every_width(page: Page, width: int, tmp_path: Path) -> None:
    await page.resize(width, 900)
    await page.until(f"innerWidth === {width}")
    assert await page.value("document.documentElement.scrollWidth") <= width
    assert await page.value(f"{shown('.frontier-canvas')}.length") == 1
    names = await page.value(
        f"{shown('.mark text')}.map(t => t.getBoundingClientRect())"
        ".map(b => [b.left, b.top, b.right, b.bottom])"
    )
    assert len(names) == 16
    assert overlapping(names) == []
    assert all(left >= 0 and right <= width for left, _top, right, _bottom in names)
    picture = tmp_path / f"frontier-{width}.png"
    await page.screenshot(picture, "#frontier")
    assert picture.read_bytes().startswith(b"\x89PNG")


def overlapping(boxes: list[list[float]]) -> list[tuple[int, int]]:
    """Pairs of boxes (left, top, right, bottom) that share more than their edges' leading."""
    return [
        (i, j)
        for i, one in enumerate(boxes)
        for j, two in enumerate(boxes[:i])
        if min(one[2], two[2]) - max(one[0], two[0]) > 1
        and min(one[3], two[3]) - max(one[1], two[1]) > 4
    ]


@needs_browser
async def test_it_prints_the_chart_without_its_controls(page: Page) -> None:
    await page.ask("Emulation.setEmulatedMedia", media="print")
    assert await page.value(f"{shown('.asks, .detail')}.length") == 0
    assert await page.value(f"{shown('.frontier-canvas')}.length") == 1
    assert await page.value(f"{shown('#frontier-said')}.length") == 1


@needs_browser
async def test_without_scripts_chart_sentence_and_table_stand_there(
    written: Written, tmp_path: Path
) -> None:
    async with browser(tmp_path / "profile") as page:
        await page.ask("Emulation.setScriptExecutionDisabled", value=True)
        await page.open(written.page)
        assert await page.value(f"{shown('.asks, #frontier-tool')}.length") == 0
        assert await page.value(f"{shown('#frontier-still svg')}.length") == 1
        assert await page.value(f"{shown('#frontier-numbers tbody tr')}.length") == 16
        assert await page.value(SAID) == part_of(written).sentence


def test_the_still_page_says_the_same(written: Written) -> None:
    part = part_of(written)
    page, text = written.page.read_text(), (written.page.parent / "report.md").read_text()
    assert part.sentence in page
    assert part.sentence in text
    assert part.sentence == choose(candidates(written), 1.0, ()).sentence
    assert "the cheapest is session_tracking: " in part.sentence
    assert part.table.rows[0][0] == "none"
    assert len(part.table.rows) == 16


def test_the_summary_holds_the_frontier(written: Written) -> None:
    rows: list[dict[str, Any]] = json.loads((written.page.parent / "summary.json").read_text())[
        "frontier"
    ]
    by_arm = {row["arm"]: row for row in rows}
    assert len(by_arm) == 16
    assert by_arm["none"]["lag_s"] is None
    assert by_arm["jwt_hs256"]["lag_kind"] == "law"
    assert by_arm["session_tracking"]["on_front"]
    assert by_arm["session_tracking"]["same_cost_as"]
    assert by_arm["jwt_rs256"]["key_kind"] == "rsa"
    low, high = by_arm["jwt_rs256"]["added_p99_low_ms"], by_arm["jwt_rs256"]["added_p99_high_ms"]
    assert low < by_arm["jwt_rs256"]["added_p99_ms"] < high


def test_no_name_ends_the_script(written: Written) -> None:
    part = part_of(written)
    hostile = {**part.document, "stops": [{"seconds": 1.0, "text": "</script><b>"}]}
    page = as_html(replace(written.content, frontier=replace(part, document=hostile)))
    assert "</script><b>" not in page
