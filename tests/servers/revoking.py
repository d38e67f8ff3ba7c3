"""What the tests of revocable tokens share: replicas in process, a register, a stream to cut."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from loadtests.store_server import RunningStore
from servers.flags import parse_settings
from servers.settings import Settings
from servers.strategies._jwt import Codec
from servers.strategies._redis import open_store
from servers.strategies._revocation_scripts import Medium, operations
from servers.strategies._revocation_view import Memory
from servers.strategies._revocations import Revocations
from servers.strategy import Context, Identity, Rejected, StoreUnavailable, load
from servers.users import Directory, User
from tests.servers.opening import WITHIN_S, becomes, happened, last_accepted_s
from tests.servers.processes import SIGNING_KEY
from tests.servers.proxy import Held, Proxy

USER = User("user-000001", "member")
OTHER = User("user-000002", "member")
THIRD = User("user-000003", "member")
BASE = "t:{revoked}"
LOG = f"{BASE}log"
PUSHED = ["jwt_denylist_push", "jwt_epoch"]
ALL = ["jwt_denylist_redis", "jwt_denylist_pubsub", *PUSHED]
# No proof ages and no reading ends by itself while a test runs.
CALM_S = 60.0
# A reading that waits in vain ends after a quarter of it.
SHORT_S = 0.4
MEMORY = Memory(token_ttl_s=900, clock_leeway_s=0.0)
Ending = Callable[[Any, Identity], Awaitable[Any]]


def _settings(name: str, store_url: str, deadline_s: float) -> Settings:
    flags = ["--strategy", name, "--store", store_url, "--key-prefix", "t:"]
    # A busy machine is no dead store.
    flags += ["--store-deadline-s", str(deadline_s), "--store-timeout-s", str(WITHIN_S)]
    return parse_settings(flags, {"AUTHBENCH_SIGNING_KEY": SIGNING_KEY}, lambda: [name])


def soon(name: str) -> dict[str, Any]:
    """Options with which a replica soon finds out about another store."""
    return {"staleness_s": SHORT_S} if name in PUSHED else {}


class Deaf:
    """Understands no change."""

    @staticmethod
    def parse(text: bytes) -> None:
        raise ValueError


@asynccontextmanager
async def replica(
    name: str, store_url: str, deadline_s: float = WITHIN_S, **options: Any
) -> AsyncIterator[Any]:
    """All of one store are replicas of each other: they have the same key."""
    spec = load(name)
    if name in PUSHED:
        options = {"staleness_s": CALM_S, **options}
    settings = _settings(name, store_url, deadline_s)
    context = Context(settings, spec.options_type(**options), Directory(10))
    async with spec.open_strategy(context) as strategy:
        yield strategy


@asynccontextmanager
async def register(
    store_url: str, medium: Medium = "log", memory: Memory = MEMORY, *, one_session: bool = False
) -> AsyncIterator[Revocations]:
    async with open_store(_settings("jwt_denylist_push", store_url, WITHIN_S)) as store:
        yield Revocations(store, "t:", medium, memory, one_session=one_session)


async def three(strategy: Any) -> list[str]:
    """Credentials of `USER`, `OTHER` and `THIRD`."""
    return [(await strategy.issue(user)).credential for user in (USER, OTHER, THIRD)]


def reloads(strategy: Any) -> int:
    return int(strategy.counters()["log_reloads"])


def applied(strategy: Any) -> int:
    return int(strategy.counters()["revocations_applied"])


async def kick(strategy: Any, identity: Identity) -> Any:
    return await strategy.revoke_user(identity.user_id)


async def kick_all(strategy: Any, identity: Identity) -> Any:
    return await strategy.revoke_all()


async def log_out(strategy: Any, identity: Identity) -> Any:
    return await strategy.logout(identity)


async def change_password(strategy: Any, identity: Identity) -> Any:
    return await strategy.revoke_others(identity)


async def change_role(strategy: Any, identity: Identity) -> Any:
    return await strategy.set_role(identity.user_id, "auditor")


async def is_good(strategy: Any, credential: str) -> bool:
    try:
        await strategy.verify(credential)
    except Rejected:
        return False
    return True


async def ends(credential: str, *strategies: Any) -> float:
    """Returns when all of them refuse it; when the last accepted request was sent."""
    return max([await last_accepted_s(strategy, credential) for strategy in strategies])


async def knows(strategy: Any, changes: int) -> None:
    """Returns when the strategy applied so many changes, over again or not."""
    await becomes(lambda: strategy.counters()["revocations_applied"] >= changes)


async def last_served_s(strategy: Any, credential: str) -> float:
    """Asks until nothing is known; when the last accepted request was sent (-inf: none was)."""
    accepted_s = -math.inf
    async with asyncio.timeout(WITHIN_S):
        while True:
            sent_s = time.monotonic()
            try:
                accepted_s = sent_s if await is_good(strategy, credential) else accepted_s
            except StoreUnavailable:
                return accepted_s
            await asyncio.sleep(0)


async def says(strategy: Any, credential: str) -> str:
    """The role of whom it authenticates, why it does not, or "unknown"."""
    try:
        return str((await strategy.verify(credential)).role)
    except Rejected as rejected:
        return rejected.code
    except StoreUnavailable:
        return "unknown"


async def will_say(expected: str, credential: str, *strategies: Any) -> None:
    """Returns when each strategy says that of it."""
    async with asyncio.timeout(WITHIN_S):
        for strategy in strategies:
            while True:
                if await says(strategy, credential) == expected:
                    break
                await asyncio.sleep(0.005)


async def reading_held(proxy: Proxy) -> Held:
    """The next XREAD, of a reader that asks for one soon; it is sent, and gets no answer."""
    # A first hold may match bytes of before; over a connection held once only new ones do.
    first = proxy.hold_next(b"XREAD")
    await happened(first.seen)
    held = proxy.hold_next(b"XREAD")
    first.release()
    await happened(held.seen)
    return held


async def wait_held(client: Any, proxy: Proxy, waking: Any) -> Held:
    """As `reading_held`, of one of two readers that wait for what is new; the other is `waking`."""
    await becomes(lambda: client.info("clients")["blocked_clients"] == 2)
    held, _ = await asyncio.gather(reading_held(proxy), waking.revoke_user("nobody"))
    return held


def position_of(client: Any) -> tuple[int, int]:
    """Of the log's last entry."""
    last_id: str = client.xinfo_stream(LOG)["last-generated-id"]
    milliseconds, _, sequence = last_id.partition("-")
    return int(milliseconds), int(sequence)


def put_kick(pipeline: Any, user_id: str, medium: Medium = "log") -> None:
    """A kick as it is made, in a transaction with what must happen in the same moment."""
    memory_ms = round(MEMORY.usual_s * 1_000)
    pipeline.eval(operations(medium)["bump"], 1, BASE, memory_ms, "another", "user", user_id)


def put_cut(pipeline: Any) -> None:
    """Cuts every connection but its own."""
    pipeline.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


async def proven_since(strategy: Any, moment_s: float) -> None:
    await becomes(lambda: strategy.log.proof_s > moment_s)


def listening(client: Any) -> list[int]:
    """The ids of connections that are subscribed."""
    return [int(each["id"]) for each in client.client_list() if int(each["sub"]) > 0]


def end_store(store: RunningStore) -> None:
    """As a crash does, and before its block ends."""
    assert store.guard is not None
    assert store.guard.stdin is not None
    store.guard.stdin.close()
    store.guard.wait()


def signatures_checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every token that is decoded from now on."""
    checked: list[str] = []
    decode = Codec.decode

    def counted(codec: Codec, token: str) -> dict[str, Any]:
        checked.append(token)
        return decode(codec, token)

    monkeypatch.setattr(Codec, "decode", counted)
    return checked
