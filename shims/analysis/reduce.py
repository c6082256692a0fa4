"""Which of an expression's conditions matter: matched against targets one by one, and the others struck out.

The order of the steps is that of ``AnalyzeRequirementsForEachTarget`` of 23.9.6, so that the same conditions are left over.
"""

from __future__ import annotations

from shims.analysis.conditions import AND, OR, Clause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Constant = Callable[[str], "bool | None"]
    Count = Callable[[str], int]

_STRONG = {None: "", True: "T", False: "F"}
_ALWAYS = {(True, False): "always", (False, False): "never", (True, True): "now", (False, True): "not now"}


class Step:
    """A condition while the expression is reduced. ``always``: its value where no target matters. ``instead``: the number of the
    condition that it amounts to. ``idle``: whether nobody cares. ``matches``: how many targets satisfy it. ``passing``: it depends
    on the time, so that what it is now it need not always be."""

    __slots__ = ("always", "idle", "instead", "label", "left", "matches", "operator", "passing", "right", "text")

    def __init__(self, clause: Clause, always: bool | None) -> None:
        self.text = clause.text
        self.operator = clause.operator
        self.left = clause.left
        self.right = clause.right
        self.always = always
        self.instead = -1
        self.idle = False
        self.matches = 0
        self.label = ""
        lowered = clause.text.lower()
        self.passing = "currenttime" in lowered or "time()" in lowered

    def line(self, number: int) -> str:
        """``[5]           0  TARGET.Memory >= RequestMemory``."""
        label = self.label or (f"[{self.left}] {self.operator} [{self.right}]" if self.operator else self.text)
        count = str(self.matches) if self.always is None else _ALWAYS[self.always, self.passing]
        return f"{f'[{number}]      '[:5]} {count:>9}  {label}\n"


def reduced(clauses: Sequence[Clause], constant: Constant, count: Count, targets: int) -> list[tuple[int, Step]]:
    """The conditions that are left over, with their numbers. ``constant``: an expression's value when it depends on no target;
    ``count``: how many of the ``targets`` satisfy it."""
    steps = [Step(clause, constant(clause.text)) for clause in clauses]
    for number in range(len(steps)):
        _settle(steps, number)
    for step in steps:
        _follow(steps, step)
    for step in steps:
        if step.instead < 0 and not step.idle and step.always is None:
            _match(steps, step, count, targets)
    return [(number, step) for number, step in enumerate(steps) if step.instead < 0 and not step.idle]


def _settle(steps: list[Step], number: int) -> None:
    """What is known of an ``&&`` or ``||`` before any target is looked at."""
    step = steps[number]
    if not step.operator:
        return
    left, right = (steps[at].always if at >= 0 else None for at in (step.left, step.right))
    decisive = step.operator == OR
    step.label = f"[{step.left}]{_STRONG[left]} {step.operator} [{step.right}]{_STRONG[right]}"
    if left is decisive or right is decisive:
        step.always = decisive
        step.instead, other = (step.left, step.right) if left is decisive else (step.right, step.left)
    elif left is not None and right is not None:
        step.always = not decisive
        return
    elif left is not None or right is not None:
        step.instead, other = (step.right, step.left) if left is not None else (step.left, step.right)
    else:
        return
    step.instead = _end(steps, step.instead)
    if not (step.passing and (step.operator == AND or steps[step.instead].passing or steps[other].passing)):
        _ignore(steps, other)


def _ignore(steps: list[Step], at: int) -> None:
    """Nobody cares about this condition, nor about those that it joins."""
    left = [at]
    while left:
        at = left.pop()
        if at >= 0:
            steps[at].idle = True
            left += [steps[at].left, steps[at].right]


def _end(steps: list[Step], at: int) -> int:
    while steps[at].instead >= 0:
        at = steps[at].instead
    return at


def _follow(steps: list[Step], step: Step) -> None:
    """Refer to the conditions that the joined ones amount to."""
    for side in ("left", "right"):
        at = getattr(step, side)
        if at >= 0 and steps[at].instead >= 0:
            setattr(step, side, steps[at].instead)
            step.label = ""


def _match(steps: list[Step], step: Step, count: Count, targets: int) -> None:
    joined = step.operator and step.left >= 0 and step.right >= 0
    left, right = step.left, step.right
    if joined:
        _short_cut(steps, step, targets)
    step.matches = count(step.text)
    if not joined:
        return
    instead = -1
    if step.operator == AND:
        for one, other in ((left, right), (right, left)):
            if steps[one].matches == step.matches:
                instead = one
                if steps[other].matches > step.matches:
                    steps[other].idle = True
                break
    if instead >= 0:
        step.instead = _end(steps, instead)
        step.label = ""
    else:
        _follow(steps, step)


def _short_cut(steps: list[Step], step: Step, targets: int) -> None:
    """One side decides: none matches of an ``&&``; all match, or only that side does, of an ``||``."""
    left, right = steps[step.left].matches, steps[step.right].matches
    instead = other = -1
    if step.operator == AND:
        if left == 0 or right == 0:
            instead = step.left if left == 0 else step.right
    elif left == targets or (right != targets and left != 0 and right == 0):
        instead, other = step.left, step.right
    elif right == targets or (left == 0 and right != 0):
        instead, other = step.right, step.left
    _ignore(steps, other)
    if instead >= 0:
        step.instead = _end(steps, instead)
    else:
        _follow(steps, step)
