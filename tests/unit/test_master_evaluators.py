"""Expressions that would hold up, fill or kill the master: they hold their own job, and the others go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from mastering import SLEEP, Site

from foremen.master.evaluators import Evaluators, NotYet, Unfinished
from spool import job, settings
from spool.classad.question import Question, Value

DOUBLING = {f"A{n}": f"strcat(A{n - 1}, A{n - 1})" for n in range(1, 17)}
ENDLESS = {"A0": '"aaaaaaaaaaaaaaaa"', **DOUBLING}
CHAIN = "1" + "+1" * 60_000


@pytest.fixture
def evaluators() -> Iterator[Evaluators]:
    """A second of CPU, 64 MB."""
    made = Evaluators(settings.load({"HOME": "/h"}, {"evaluation_seconds": 1, "evaluation_memory": 64}))
    yield made
    made.close()


def answer(evaluators: Evaluators, text: str, **attributes: str) -> Value:
    """The value, waited for."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            return evaluators.value(1, Question(text, attributes, None), "CurrentTime")
        except NotYet:
            evaluators.look()
            time.sleep(0.01)
    raise AssertionError("no answer")


def test_values_come_from_another_process(evaluators: Evaluators) -> None:
    """Of every kind; a second question of the same kind needs no evaluation, whatever the time is by then."""
    assert answer(evaluators, 'eval("A + 1")', A="4") == 5
    assert answer(evaluators, 'strcat("é", A)', A='"x"') == "éx"
    assert answer(evaluators, "nothing + 1") is None
    assert answer(evaluators, "A", A="true") is True
    before = evaluators.news
    assert answer(evaluators, "CurrentTime > A", CurrentTime="5", A="4") is True
    assert answer(evaluators, "CurrentTime > A", CurrentTime="6", A="4") is True
    assert evaluators.news == before + 1


@pytest.mark.parametrize(
    ("text", "attributes", "why"),
    [
        ('regexp("a*[bc]", A16)', ENDLESS, "AWQ_EVALUATION_SECONDS"),
        ("size(A16)", {**ENDLESS, "A0": '"' + "a" * 60_000 + '"'}, "AWQ_EVALUATION_MEMORY"),
        ("A16", ENDLESS, "characters"),
    ],
)
def test_what_exceeds_a_limit_is_refused_with_the_reason(
    evaluators: Evaluators, text: str, attributes: dict[str, str], why: str
) -> None:
    """Time, memory, length of a value; the next question is answered all the same."""
    with pytest.raises(Unfinished, match=why):
        answer(evaluators, text, **attributes)
    assert answer(evaluators, 'eval("1")') == 1


def test_an_evaluator_that_somebody_kills_costs_no_job_anything(evaluators: Evaluators) -> None:
    """The question goes to the next one; only one that ends two of them is refused."""
    question = Question('regexp("a*[bc]", A16)', ENDLESS, None)
    with pytest.raises(NotYet):
        evaluators.value(1, question, "")
    until = time.monotonic() + 30
    while not any(process.asked for process in evaluators._processes) and time.monotonic() < until:
        evaluators.look()
    victim = next(process for process in evaluators._processes if process.asked)
    os.kill(victim.popen.pid, signal.SIGKILL)
    assert answer(evaluators, 'eval("2")') == 2
    assert victim not in evaluators._processes
    with pytest.raises(Unfinished, match="AWQ_EVALUATION_SECONDS"):
        answer(evaluators, question.text, **ENDLESS)


def test_a_cluster_of_costly_jobs_delays_others_by_one_evaluation(evaluators: Evaluators) -> None:
    """Clusters take turns."""
    for number in range(30):
        with pytest.raises(NotYet):
            evaluators.value(1, Question(f'regexp("a*[bc]", A16) || {number}', ENDLESS, None), "")
    with pytest.raises(NotYet):
        evaluators.value(2, Question("eval(A)", {"A": '"7"'}, None), "")
    until = time.monotonic() + 30
    while evaluators.news < 5 and time.monotonic() < until:
        evaluators.look()
        time.sleep(0.01)
    assert evaluators.value(2, Question("eval(A)", {"A": '"7"'}, None), "") == 7


Sites = Callable[..., Site]


def turn_all(site: Site, condition: Callable[[], object]) -> float:
    """Turn until it holds; the longest turn in seconds of CPU."""
    longest = 0.0
    turn = site.master.turn

    def timed() -> None:
        nonlocal longest
        before = time.process_time()
        turn()
        longest = max(longest, time.process_time() - before)

    site.master.turn = timed  # type: ignore[method-assign]
    site.turn_until(condition, 60.0)
    return longest


@pytest.mark.parametrize(
    ("attribute", "text", "why"),
    [
        ("OnExitHold", 'regexp("a*[bc]", A16)', "AWQ_EVALUATION_SECONDS"),
        ("PeriodicHold", 'regexp("a*[bc]", A16)', "AWQ_EVALUATION_SECONDS"),
        ("PeriodicRemove", CHAIN, "AWQ_EXPRESSION_TERMS"),
        ("OnExitRemove", CHAIN, "AWQ_EXPRESSION_TERMS"),
        ("RequestMemory", 'ifThenElse(regexp("a*[bc]", A16), 1, 2)', "AWQ_EVALUATION_SECONDS"),
        ("RequestCpus", CHAIN, "AWQ_EXPRESSION_TERMS"),
        ("Args", '"$$([regexp(\\"a*[bc]\\", A16)])"', "AWQ_EVALUATION_SECONDS"),
    ],
)
def test_a_costly_expression_holds_its_job_and_nobody_else(make: Sites, attribute: str, text: str, why: str) -> None:
    """With the reason; a job of somebody else goes through meanwhile, and no turn is long."""
    site = make(evaluation_seconds=1, policy_interval=1)
    script = SLEEP if attribute.startswith("Periodic") else b"#!/bin/sh\n"
    hostile = site.submit(script, **ENDLESS, **{attribute: text})
    innocent = site.submit()
    longest = turn_all(site, lambda: site.status(hostile) == job.HELD and site.history(innocent))
    ad = site.ad(hostile)
    assert ad["HoldReasonCode"] == str(job.HOLD_JOB_POLICY_UNDEFINED)
    assert why in ad["HoldReason"]
    assert longest < 0.5


def test_costly_expressions_that_can_be_evaluated_are_obeyed(make: Sites) -> None:
    """They only take a moment longer: requests, exits, staying in the queue."""
    site = make(evaluation_seconds=5, policy_interval=1)
    asking = site.submit(RequestMemory='eval("100 + 28")', LeaveJobInQueue='eval("ProcId == 0")', count=2)
    holding = site.submit(OnExitHold='eval("ExitCode == 0")', OnExitHoldReason='eval("\\"because\\"")')
    done = lambda: (  # noqa: E731
        site.status(asking) == job.COMPLETED and site.history(asking) and site.status(holding) == job.HELD
    )
    site.turn_until(done, 60.0)
    assert site.ad(holding)["HoldReason"] == '"because"'
    assert [ad["ProcId"] for ad in site.history(asking)] == ["1"]
