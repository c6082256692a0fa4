"""What is asked for: ids, users, constraints, a limit."""

from __future__ import annotations

from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Id = tuple[int, "int | None"]


class ConstraintError(AwqError):
    """A constraint that is no ClassAd expression; ``constraint`` is its text."""

    def __init__(self, constraint: str) -> None:
        super().__init__(f"not a ClassAd expression: {constraint!r}")
        self.constraint = constraint


class Wanted:
    """The jobs asked for: (any of ``ids`` or any of ``users``, when there are any) and all of ``constraints``."""

    __slots__ = ("constraints", "ids", "limit", "users")

    def __init__(
        self,
        ids: Sequence[Id] = (),
        users: Sequence[str] = (),
        constraints: Sequence[str] = (),
        limit: int | None = None,
    ) -> None:
        self.ids = tuple(ids)
        self.users = tuple(users)
        self.constraints = tuple(constraints)
        self.limit = limit

    @property
    def everything(self) -> bool:
        """Whether it is simply all jobs."""
        return not self.ids and not self.users and not self.constraints and self.limit is None


def parse_id(text: str) -> Id | None:
    """``12`` or ``12.`` (the cluster), ``12.0``; None when it is something else: a user's name."""
    cluster, dot, proc = text.partition(".")
    if not (cluster.isascii() and cluster.isdigit()) or len(cluster) > 10:
        return None
    if not dot or not proc:
        return int(cluster), None
    return (int(cluster), int(proc)) if proc.isascii() and proc.isdigit() and len(proc) <= 10 else None
