"""The door to ``classad2``, HTCondor's own ClassAd library: parsing, evaluating, and its ways of writing expressions.

Imported only when a request needs it: it costs 20 ms. Evaluation in a job's ad builds an ad of just the attributes that the
expression refers to, which is about ten times faster than parsing the whole ad.
"""

from __future__ import annotations

import classad2

from spool.classad import library, scope, values
from spool.classad.bounds import TooLarge
from spool.classad.lookup import spelled
from spool.errors import AwqError, SpoolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from spool.classad.job_record import JobRecord
    from spool.classad.values import Value

_KEPT = 20000
"""How many texts a cache may hold."""


class NotAnExpression(AwqError):
    """The text is not a ClassAd expression; ``args[0]`` is it."""


_old: dict[str, str] = {}
_new: dict[str, str] = {}
_EMPTY = classad2.ClassAd()


def parse(text: str) -> Any:
    """The expression's tree. NotAnExpression when the text is none, or more than one; ``TooLarge`` when it exceeds a bound."""
    parsed = scope.parse(text)
    if parsed.problem:
        raise TooLarge(parsed.problem)
    if parsed.tree is None:
        raise NotAnExpression(text)
    return parsed.tree


def is_expression(text: str) -> bool:
    """Whether it is a ClassAd expression. ``TooLarge`` when it exceeds a bound: its author is told."""
    try:
        parse(text)
    except NotAnExpression:
        return False
    return True


def readable(text: str) -> bool:
    """Whether it is a ClassAd expression within the bounds: for attributes of a job, where one that is not is an error."""
    return scope.parse(text).tree is not None


def evaluate(text: str, record: JobRecord) -> Value:
    """The value of an expression in a job's ad. NotAnExpression, ``TooLarge``."""
    tree = parse(text)
    made, qualified = scope_of(text, record)
    target = _EMPTY if qualified else None
    try:
        found = tree.eval(made, target)
    except (classad2.ClassAdException, TypeError, RuntimeError, UnicodeError):
        return values.ERROR
    return _value(found, tree, made, target)


def evaluate_own(expression: str, record: JobRecord) -> Value:
    """The value of an expression of the job's own ad. One that is none is an error, as in HTCondor: it hides no other job."""
    return evaluate(expression, record) if readable(expression) else values.ERROR


def scope_of(text: str, record: JobRecord) -> tuple[Any, bool]:
    """An ad of what the expression refers to in the job's ad, directly or by what it refers to.

    The second says whether ``MY.`` is used: the library knows it only while it matches two ads, which takes ten times longer.
    """
    found = scope.need(scope.parse(text), lambda name: spelled(record, name))
    return (whole_ad(record), True) if found is None else (scope.made(found.attributes), found.two)


def needed(text: str) -> tuple[str, ...]:
    """Names of the attributes that an expression refers to; ``*`` when that cannot be told from its text."""
    parsed = scope.parse(text)
    return (library.EVERYTHING,) if parsed.tree is None else tuple(sorted(parsed.names))


def whole_ad(record: JobRecord) -> Any:
    """The job's ad. SpoolError when it is damaged."""
    try:
        return scope.made(record.ad())
    except ValueError as error:
        raise SpoolError(f"the ad of job {record.cluster}.{record.proc} is damaged: {error}") from None


def _value(found: Any, tree: Any, scope: Any, target: Any) -> Value:
    if isinstance(found, classad2.Value):  # an enum of integers: before the numbers
        return values.UNDEFINED if found == classad2.Value.Undefined else values.ERROR
    if isinstance(found, (bool, int, float, str)):
        return found
    return values.Composite(_old_text(tree.simplify(scope, target)))


def old_form(text: str) -> str:
    """The expression as the long form has it ("old" ClassAds): ``=?=``, short reals, backslashes as they are."""
    return _rewritten(text, _old, _old_text)


def new_form(text: str) -> str:
    """The expression as JSON and XML have it ("new" ClassAds): ``is``, reals with 15 digits, backslashes doubled."""
    return _rewritten(text, _new, _new_text)


def json_form(text: str) -> str:
    """The JSON of an expression of any kind, indented as a member of a top-level ad."""
    made = classad2.ClassAd()
    made["X"] = parse(text)
    written: str = made.printJson()
    return written[written.index('"X": ') + 5 : written.rindex("\n}")]


def parts(text: str) -> Any:
    """A list or a nested ad as Python list or ``classad2.ClassAd``; every other expression as its tree or value."""
    made = classad2.ClassAd()
    made["X"] = parse(text)
    return made["X"]


def tree_text(tree: Any) -> str:
    """The text of an expression's tree, "new" form, on one line."""
    return _new_text(tree)


def is_ad(thing: Any) -> bool:
    """Whether it is a ``classad2.ClassAd``."""
    return isinstance(thing, classad2.ClassAd)


def is_special(thing: Any) -> bool:
    """Whether it is undefined or error."""
    return isinstance(thing, classad2.Value)


def is_undefined(thing: Any) -> bool:
    """Whether it is undefined."""
    return isinstance(thing, classad2.Value) and thing == classad2.Value.Undefined


def _rewritten(text: str, cache: dict[str, str], write: Any) -> str:
    written = cache.get(text)
    if written is None:
        try:
            written = str(write(parse(text)))
        except (NotAnExpression, TooLarge):
            written = text
        if len(cache) < _KEPT:
            cache[text] = written
    return written


def _old_text(tree: Any) -> str:
    made = classad2.ClassAd()
    made["X"] = tree
    written: str = made.printOld()
    return written[written.index("=") + 2 :].rstrip("\n")


def _new_text(tree: Any) -> str:
    made = classad2.ClassAd()
    made["X"] = tree
    written = repr(made)
    return written[written.index("=") + 2 : written.rindex(" ]")]
