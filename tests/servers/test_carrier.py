"""Which credential a request presents, and which requests are refused for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from servers.carrier import MAX_CREDENTIAL_BYTES, Carrier
from servers.errors import Refused
from servers.strategy import Grant, Rejected

CARRIER = Carrier(secure=True)
NAME = CARRIER.cookie_name


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("Authorization", "Bearer abc")], ("abc", False)),
        ([("authorization", "bEARER abc")], ("abc", False)),
        ([("Authorization", "Bearer  abc ")], ("abc", False)),
        ([("Cookie", f"{NAME}=abc")], ("abc", True)),
        ([("Cookie", f"a=b; {NAME}=abc;c=d")], ("abc", True)),
        ([("Cookie", f"a=b;{NAME} = abc ; ")], ("abc", True)),
        ([("Cookie", "a=b"), ("Cookie", f"{NAME}=abc")], ("abc", True)),
        ([("Cookie", "a=é; b"), ("Authorization", "Bearer abc")], ("abc", False)),
        ([("Cookie", f"x{NAME}=no; {NAME}=a=b")], ("a=b", True)),
        ([("Cookie", f"{NAME.lower()}=no; {NAME}=abc")], ("abc", True)),
    ],
)
def test_the_one_credential_is_found(pairs: Any, expected: tuple[str, bool]) -> None:
    assert CARRIER.read(headers(*pairs)) == expected


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic YTpi")],
        [("Authorization", "abc")],
        [("Authorization", "Bearerabc")],
        [("Cookie", "")],
        [("Cookie", "session=abc")],
        [("Cookie", f"{NAME}=")],
        [("Cookie", NAME)],
    ],
)
def test_none_is_rejected(pairs: Any) -> None:
    with pytest.raises(Rejected):
        CARRIER.read(headers(*pairs))


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer a")], 400),
        ([("Authorization", "Bearer a"), ("authorization", "Basic b")], 400),
        ([("Cookie", f"{NAME}=a; {NAME}=a")], 400),
        ([("Cookie", f"{NAME}=a"), ("Cookie", f"{NAME}=b")], 400),
        ([("Cookie", f"{NAME}; {NAME}=b")], 400),
        ([("Cookie", f"{NAME}=a"), ("Authorization", "Bearer a")], 400),
        ([("Cookie", f"{NAME}="), ("Authorization", "Bearer a")], 400),
        ([("Cookie", f"{NAME}=a"), ("Authorization", "Basic a")], 400),
        ([("Authorization", "Bearer é")], 400),
        ([("Authorization", "Bearer \udcff")], 400),
        ([("Cookie", f"{NAME}=é")], 400),
        ([("Authorization", "Bearer " + "a" * (MAX_CREDENTIAL_BYTES + 1))], 431),
        ([("Cookie", f"{NAME}=" + "a" * (MAX_CREDENTIAL_BYTES + 1))], 431),
    ],
)
def test_doubt_is_refused(pairs: Any, status: int) -> None:
    with pytest.raises(Refused) as refused:
        CARRIER.read(headers(*pairs))
    assert refused.value.status == status


def test_the_largest_credential_is_read() -> None:
    credential = "a" * MAX_CREDENTIAL_BYTES
    assert CARRIER.read(headers(("Authorization", f"Bearer {credential}"))) == (credential, False)


@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["Authorization", "Cookie", "authorization", "Host"]),
            st.text(max_size=30) | st.sampled_from([f"{NAME}=a", f"b=c; {NAME}=d", "Bearer x"]),
        ),
        max_size=4,
    )
)
def test_anything_gives_one_credential_or_a_refusal(pairs: list[tuple[str, str]]) -> None:
    try:
        credential, _ = CARRIER.read(headers(*pairs))
    except (Rejected, Refused):
        return
    assert credential.isascii()
    assert 0 < len(credential) <= MAX_CREDENTIAL_BYTES


def test_a_cookie_is_read_back() -> None:
    for carrier in (CARRIER, Carrier(secure=False)):
        cookie = carrier.set_cookies(Grant("abc", "sid", 59.2))[0].partition(";")[0]
        assert carrier.read(headers(("Cookie", cookie))) == ("abc", True)


def test_cookie_attributes() -> None:
    grant, endless = Grant("abc", "sid", 59.2), Grant("abc", "sid", None)
    assert CARRIER.set_cookies(grant) == [
        "__Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60"
    ]
    assert "Max-Age" not in CARRIER.set_cookies(endless)[0]
    (insecure,) = Carrier(secure=False).set_cookies(grant)
    assert insecure == "session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"
    (cleared,) = CARRIER.clear_cookies(refreshes=False)
    assert cleared.endswith("Max-Age=0")


def test_a_refresh_token_has_a_cookie_of_its_own() -> None:
    grant = Grant("abc", "sid", 59.2, refresh_token="r", refresh_expires_in_s=600)
    _, refresh = CARRIER.set_cookies(grant)
    assert refresh == (
        "__Secure-refresh=r; Path=/refresh; HttpOnly; SameSite=Strict; Secure; Max-Age=600"
    )
    for carrier in (CARRIER, Carrier(secure=False)):
        sent = carrier.set_cookies(grant)[1].partition(";")[0]
        assert carrier.read_refresh(headers(("Cookie", sent))) == "r"
        assert carrier.read_refresh(headers(("Cookie", "other=1"))) is None
        cleared = carrier.clear_cookies(refreshes=True)
        assert len(cleared) == 2
        assert all(each.endswith("Max-Age=0") for each in cleared)
