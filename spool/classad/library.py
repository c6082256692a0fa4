"""Reading ClassAd expressions with ``classad2``, HTCondor's own library: what the doors of both rooms have in common.

Imported only when an expression is no plain literal: the library costs 20 ms. Functions that HTCondor's tools add to the
language (``stringListMember`` and the like) are known to it only once ``htcondor2`` is loaded, which costs 40 ms more: for
expressions that name one.
"""

from __future__ import annotations

import os

import classad2

from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EVERYTHING = "*"
"""Among the names that an expression refers to: which ones they are cannot be told."""

_WHOLE_AD = ("eval", "unparse", "parent", "toplevel", "root", "self", "externalrefs")
_ADDED = (
    "stringlist", "splitusername", "splitslotname", "userhome", "usermap", "envv1tov2", "mergeenvironment", "listtoargs",
    "argstolist", "evalineachcontext", "countmatches",
)  # fmt: skip
_EMPTY = classad2.ClassAd()
_loaded: list[str] = []


def tree(text: str) -> Any:
    """The expression's tree; None when the text is no expression, or more than one."""
    lowered = text.lower()
    if not _loaded and any(name in lowered for name in _ADDED):
        _load_functions()
    try:
        found = classad2.ExprTree(text)
        classad2.ExprTree(f"({text})")  # the library reads "a; b = 2" and "a]" up to where it likes
    except (classad2.ClassAdException, ValueError, UnicodeError):
        return None
    return found


def references(text: str, parsed: Any) -> frozenset[str]:
    """The attributes of the own ad that an expression refers to; EVERYTHING among them when that cannot be told."""
    lowered = text.lower()
    if any(word in lowered for word in _WHOLE_AD):
        return frozenset((EVERYTHING,))
    try:
        found = _EMPTY.externalRefs(parsed)
    except (classad2.ClassAdException, ValueError):  # ValueError: nested too deep for the library
        return frozenset((EVERYTHING,))
    names = set()
    for name in found:
        scope, dot, rest = name.partition(".")
        base = rest.partition(".")[0] if dot and scope.lower() == "my" else scope
        if name and scope.lower() != "target":
            names.add(base if ads.is_name(base) and base.lower() != "my" else EVERYTHING)
    return frozenset((EVERYTHING,)) if EVERYTHING in names else frozenset(names)


def _load_functions() -> None:
    """Load HTCondor's own functions. It would look for a configuration of HTCondor, and complain that there is none."""
    before = os.environ.get("CONDOR_CONFIG")
    os.environ["CONDOR_CONFIG"] = "ONLY_ENV"
    try:
        import htcondor2

        _loaded.append(htcondor2.__name__)
    finally:
        if before is None:
            del os.environ["CONDOR_CONFIG"]
        else:
            os.environ["CONDOR_CONFIG"] = before
