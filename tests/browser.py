"""Drives a headless Chromium over its DevTools protocol, where there is one on PATH."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = f"no browser to drive: none of {', '.join(PROGRAMS)} is on PATH"
ANSWER_TIMEOUT_S = 15.0
POLLS, POLL_S = 600, 0.05
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-extensions",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip
_KEYS = {
    "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, " ": 32,
}  # fmt: skip


def program() -> str | None:
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@dataclass(slots=True)
class Page:
    """One tab. `requests` are the addresses it asked for, `logged` what its console said."""

    socket: aiohttp.ClientWebSocketResponse
    requests: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and awaits its answer; events that come before it are noted."""
        number = next(self._numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                message = json.loads((await self.socket.receive()).data)
                self._note(message)
                if message.get("id") == number:
                    assert "error" not in message, message
                    answer: dict[str, Any] = message["result"]
                    return answer

    async def open(self, path: Path) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.ask(f"{domain}.enable")
        await self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.ask("Page.navigate", url=path.as_uri())
        await self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression gives, as JSON."""
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        for _ in range(POLLS):
            if await self.value(expression):
                return
            await asyncio.sleep(POLL_S)
        raise AssertionError(f"the page never came to {expression}")

    async def press(self, key: str, times: int = 1) -> None:
        named = {"key": key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {"text": key} if key == " " else {}
        for _ in range(times):
            await self.ask("Input.dispatchKeyEvent", type="keyDown", **named, **text)
            await self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    async def resize(self, width: int, height: int) -> None:
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    async def screenshot(self, file: Path, selector: str) -> None:
        """Of one element, whole, however long it is."""
        box = await self.value(
            f"(b => [b.x + scrollX, b.y + scrollY, b.width, b.height])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)
        shot = await self.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.logged.append(json.dumps(told))


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """A page of a browser of its own, with a profile in `folder`; it ends with the block."""
    command = program()
    assert command is not None, NO_BROWSER
    process = await asyncio.create_subprocess_exec(
        command, f"--user-data-dir={folder}", *_FLAGS, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        port = await _port(folder / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session:
            url = await _page_url(session, port)
            async with session.ws_connect(url, max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _port(file: Path, process: Process) -> int:
    """The port that the browser chose, as it writes it into its profile."""
    for _ in range(POLLS):
        assert process.returncode is None, "the browser ended at once"
        with contextlib.suppress(FileNotFoundError):
            if lines := (await asyncio.to_thread(file.read_text)).splitlines():
                return int(lines[0])
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"{file} was never written")


async def _page_url(session: aiohttp.ClientSession, port: int) -> str:
    for _ in range(POLLS):
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [each for each in await answer.json() if each["type"] == "page"]
        if pages:
            url: str = pages[0]["webSocketDebuggerUrl"]
            return url
        await asyncio.sleep(POLL_S)
    raise AssertionError("the browser shows no page")
