"""The synthetic users: the same for every arm, so that no arm's users are cheaper."""

from __future__ import annotations

from dataclasses import dataclass

_ADMIN_EVERY = 100


@dataclass(frozen=True, slots=True)
class User:
    """Someone who can log in; the user name is the `user_id`."""

    user_id: str
    role: str


class Directory:
    """`size` users, `user-000000` and up; every hundredth is an `admin`, the others `member`."""

    def __init__(self, size: int) -> None:
        self._users = [
            User(f"user-{number:06d}", "member" if number % _ADMIN_EVERY else "admin")
            for number in range(size)
        ]
        self._by_id = {user.user_id: user for user in self._users}

    def find(self, user_id: str) -> User | None:
        return self._by_id.get(user_id)

    def take(self, first: int, count: int) -> list[User]:
        """`count` users from number `first` on, beginning again after the last."""
        size = len(self._users)
        return [self._users[number % size] for number in range(first, first + count)]
