"""One evaluation as data: what an evaluator needs to know, and what it answers. A line of JSON each way."""

from __future__ import annotations

import json
from typing import NamedTuple, Optional, Union

Value = Union[bool, int, float, str, None]
"""None: undefined, error, or neither number, string nor truth."""


READY = b"ready\n"
"""The first line of an evaluator, before any answer."""


class Question(NamedTuple):
    """An expression, the attributes that it needs, and those of the other ad (None: there is none)."""

    text: str
    attributes: dict[str, str]
    target: Optional[dict[str, str]]


class Answer(NamedTuple):
    """The value, or why there is none: the evaluation cannot be finished."""

    value: Value
    problem: str = ""


def question_line(question: Question) -> bytes:
    """The question as a line."""
    return json.dumps(question).encode() + b"\n"


def read_question(line: bytes) -> Question:
    """The question of a line. ValueError, TypeError."""
    return Question(*json.loads(line))


def answer_line(answer: Answer) -> bytes:
    """The answer as a line."""
    return json.dumps(answer).encode() + b"\n"


def read_answer(line: bytes) -> Answer:
    """The answer of a line. ValueError, TypeError."""
    return Answer(*json.loads(line))
