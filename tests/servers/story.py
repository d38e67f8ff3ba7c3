"""One story a strategy: logins that end in every way there is, watched on every replica.

Told once an arm, as each way would wait for the same law; the tests read what was seen.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from tests.servers.conftest import Arm
from tests.servers.processes import (
    ADMIN_SECRET,
    PASSWORD,
    Answer,
    Headers,
    Minted,
    bearer,
    eventually,
)
from tests.servers.watching import Seen, Watch

NEW_ROLE = "auditor"
# An end is watched that much longer, so that a login that comes back is seen.
_AFTERWARDS_S = 0.15

KICKED = ("kicked 0", "kicked 1", "kicked 2", "kicked 3", "kicked, short")
REVOKED = (
    "logged out", "logged out, re-issued", *KICKED, "other login", "presented at login",
)  # fmt: skip
EXPIRED = ("expired", "expired, re-issued")
UNHARMED = ("bystander", "sibling", "kept", "promoted", "promoted anew", "logged in anew")


@dataclass(frozen=True, slots=True)
class Deed:
    """A request that ends logins; times are of time.monotonic."""

    replica: int
    sent_s: float
    acked_s: float
    answer: Answer

    @property
    def within_s(self) -> float:
        """`effective_within_s`; infinite for never, and 0 where a new credential says nothing."""
        within_s = self.answer.json.get("effective_within_s", 0.0)
        return math.inf if within_s is None else float(within_s)


@dataclass(slots=True)
class Story:
    """What was done and seen; `dead_by_s` is each credential's last moment by its law,
    `alive_until_s` one at which it had certainly not expired, and from `adopted_s` on nothing but
    its successor is asked about.

    `refreshes`: what POST /refresh said on each replica, where the strategy has that.
    """

    bound_s: float
    seen: dict[str, list[Seen]] = field(default_factory=dict)
    dead_by_s: dict[str, float] = field(default_factory=dict)
    alive_until_s: dict[str, float] = field(default_factory=dict)
    adopted_s: dict[str, float] = field(default_factory=dict)
    ended_by: dict[str, Deed] = field(default_factory=dict)
    deeds: dict[str, Deed] = field(default_factory=dict)
    refreshes: dict[str, set[int]] = field(default_factory=dict)


def tell(arm: Arm) -> Story:
    bound_s = arm.law["bound_s"]
    story = Story(math.inf if bound_s is None else bound_s)
    with Watch(arm.replicas) as watch:
        _Teller(arm, watch, story).tell()
    return story


class _Teller:
    def __init__(self, arm: Arm, watch: Watch, story: Story) -> None:
        self._arm = arm
        self._watch = watch
        self._story = story
        self._minted: dict[str, Minted] = {}
        self._expiry_s: dict[str, float] = {}

    def tell(self) -> None:
        self._mint("bystander", self._arm.next_user())
        self._let_expire()
        self._log_out()
        self._kick()
        self._change_password()
        self._log_in_presenting()
        self._set_role()
        self._await(max(self._story.dead_by_s.values(), default=0.0))
        self._refresh("bystander", "kept", "logged out", "kicked 0", "other login")
        self._kick_everyone()
        for name in (*REVOKED, *EXPIRED, *UNHARMED, "swept"):
            self._story.seen[name] = self._watch.seen(name)

    def _let_expire(self) -> None:
        self._mint("expired", self._arm.next_user(), self._short_life_s())
        self._write_state("expired", "expired, re-issued")
        for name in EXPIRED:
            self._dies_at(name, self._expiry_s[name])

    def _log_out(self) -> None:
        user = self._arm.next_user()
        self._mint("sibling", user)
        self._mint("logged out", user, self._life_s())
        self._write_state("logged out", "logged out, re-issued")
        deed = self._do("logout", 0, "POST", "/logout", self._minted["logged out"].bearer)
        self._end(deed, "logged out", "logged out, re-issued")

    def _kick(self) -> None:
        user = self._arm.next_user()
        for number, name in enumerate(KICKED[:4]):
            self._mint(name, user, self._life_s(), replica=number % 2)
        # A short-lived login must not shorten the memory of the others.
        self._mint(KICKED[4], user, self._short_life_s(), replica=1)
        user_id = self._minted[KICKED[0]].user_id
        self._end(self._do("kick", 1, "POST", f"/admin/users/{user_id}/revoke"), *KICKED)

    def _change_password(self) -> None:
        user = self._arm.next_user()
        self._mint("kept", user)
        self._mint("other login", user, self._life_s(), replica=1)
        body = {"password": PASSWORD}
        deed = self._do("password", 1, "POST", "/password", self._minted["kept"].bearer, body)
        self._adopt("kept", "kept", deed.answer)
        self._end(deed, "other login")

    def _log_in_presenting(self) -> None:
        """The answer says nothing of the login it ends, so the law alone bounds that."""
        self._mint("presented at login", self._arm.next_user(), self._life_s())
        presented = self._minted["presented at login"]
        body = {"username": presented.user_id, "password": PASSWORD}
        headers = [("Origin", self._arm.origin), *presented.bearer]
        deed = self._do("login", 0, "POST", "/login", headers, body)
        self._watch.add("logged in anew", granted(deed.answer))
        expiry_s = self._expiry_s["presented at login"]
        self._dies_at("presented at login", min(expiry_s, deed.acked_s + self._story.bound_s))

    def _set_role(self) -> None:
        user = self._arm.next_user()
        self._mint("promoted", user)
        path = f"/admin/users/{self._minted['promoted'].user_id}/role"
        self._do("role", 0, "PUT", path, body={"role": NEW_ROLE})
        self._mint("promoted anew", user, replica=1)

    def _kick_everyone(self) -> None:
        self._mint("swept", self._arm.next_user(), self._life_s())
        deed = self._do("kick all", 0, "POST", "/admin/revoke-all")
        if self._arm.is_waited_for:
            self._end(deed, "swept")
            self._await(self._story.dead_by_s["swept"])
        self._refresh("swept")
        anew = self._arm.mint()
        eventually(lambda: self._arm.statuses(anew) == {200})

    def _mint(self, name: str, user: int, ttl_s: float | None = None, replica: int = 0) -> None:
        asked_s = time.monotonic()
        minted = self._arm.replicas[replica].mint(first_user=user, ttl_s=ttl_s)[0]
        life_s = math.inf if minted.expires_in is None else minted.expires_in
        self._minted[name] = minted
        self._expiry_s[name] = time.monotonic() + life_s
        # Times in tokens are whole seconds.
        self._story.alive_until_s[name] = asked_s + life_s - 1.0
        self._watch.add(name, minted.credential)

    def _write_state(self, name: str, re_issued: str) -> None:
        headers = self._minted[name].bearer
        answer = self._arm.first.ask("PUT", "/state", headers, {"cart": [1]})
        assert answer.status == 200, answer
        self._adopt(name, re_issued, answer)

    def _adopt(self, name: str, successor: str, answer: Answer) -> None:
        """Watches as `successor` what took the place of a credential: itself, if nothing did."""
        credential = answer.json.get("access_token", self._minted[name].credential)
        self._expiry_s[successor] = self._expiry_s[name]
        self._story.alive_until_s[successor] = self._story.alive_until_s[name]
        self._watch.add(successor, credential)
        self._story.adopted_s[successor] = time.monotonic()

    def _do(
        self, name: str, replica: int, method: str, path: str,
        headers: Headers = (), body: object = None,
    ) -> Deed:  # fmt: skip
        headers = headers or bearer(ADMIN_SECRET)
        sent_s = time.monotonic()
        answer = self._arm.replicas[replica].ask(method, path, headers, body)
        deed = Deed(replica, sent_s, time.monotonic(), answer)
        self._story.deeds[name] = deed
        return deed

    def _end(self, deed: Deed, *names: str) -> None:
        for name in names:
            self._story.ended_by[name] = deed
            self._dies_at(name, min(self._expiry_s[name], deed.acked_s + deed.within_s))

    def _dies_at(self, name: str, moment_s: float) -> None:
        if moment_s < math.inf:
            self._story.dead_by_s[name] = moment_s

    def _await(self, moment_s: float) -> None:
        time.sleep(max(0.0, moment_s + _AFTERWARDS_S - time.monotonic()))

    def _refresh(self, *names: str) -> None:
        if not self._arm.spec.refreshes:
            return
        for name in names:
            body = {"refresh_token": self._minted[name].refresh_token}
            answers = [replica.ask("POST", "/refresh", (), body) for replica in self._arm.replicas]
            self._story.refreshes[name] = {answer.status for answer in answers}

    def _life_s(self) -> float | None:
        """Of a login that is to end: its usual life, unless its law is too long to wait for."""
        return None if self._arm.is_waited_for else self._short_life_s()

    def _short_life_s(self) -> float:
        """As short as can be and yet long enough to be used: times in tokens are whole seconds."""
        in_tokens = self._minted["bystander"].credential.count(".") == 2
        return 2 if in_tokens and time.time() % 1 > 0.3 else 1


def granted(answer: Answer) -> str:
    """The credential that a login answered with, by whichever carrier."""
    assert answer.status == 200, answer
    if "access_token" in answer.json:
        return str(answer.json["access_token"])
    return answer.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
