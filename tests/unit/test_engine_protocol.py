"""The lines between master and engine."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foremen.engine.errors import ProtocolError
from foremen.engine.protocol import (
    OUTCOMES,
    VERSION,
    Ack,
    Bye,
    Cancel,
    Complaint,
    Hello,
    HelloMaster,
    Pool,
    Result,
    StateChange,
    Stop,
    TaskSpec,
    decode_event,
    decode_request,
    encode,
)
from foremen.engine.workqueue.outcomes import TABLE, outcome_of

_bytes = st.binary(min_size=1, max_size=40).filter(lambda data: b"\0" not in data)
_texts = _bytes.map(lambda data: data.decode("utf-8", "surrogateescape"))
_names = _texts.filter(lambda text: "=" not in text)


@given(command=_texts, env=st.dictionaries(_names, _texts, max_size=3), local=_texts)
def test_any_bytes_travel(command: str, env: dict, local: str) -> None:
    """Commands, environments and local paths of any bytes come out as they went in, in one line of ASCII."""
    spec = TaskSpec("1.0#1", command, env, (("/" + local, "in", True),), (("out", "/" + local),), priority=-1.5)
    line = encode(spec)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert decode_request(line) == spec


@pytest.mark.parametrize("message", [HelloMaster(), Cancel("1.0#1"), Ack(("1.0#1", "2.0#1")), Stop()])
def test_requests_travel(message) -> None:
    """What a master says comes out as it went in."""
    assert decode_request(encode(message)) == message


@pytest.mark.parametrize(
    "event",
    [
        Hello(VERSION, 1, 9094, "8.0.0", 1.5, (("1.0#1", "running", 2, "node"),)),
        StateChange("1.0#1", "running", 2, "node", 1.5),
        Result("1.0#1", "done", 3, "a=\udcff\n", 1, "node", 1.5, 2.5, 10, 20, ""),
        Pool(1, 2, 3, 4, 5, 6, 7, 1.5, 8),
        Complaint("no"),
        Bye(),
    ],
)
def test_events_travel(event) -> None:
    """What the engine says comes out as it went in."""
    assert decode_event(encode(event)) == event


@given(st.binary(max_size=200))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    """No line of bytes crashes the engine."""
    try:
        decode_request(line)
    except ProtocolError as error:
        assert str(error)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    op=st.sampled_from(["hello", "submit", "cancel", "ack", "stop"]),
    fields=st.dictionaries(st.sampled_from([*TaskSpec.__dataclass_fields__, "tags", "version", "x"]), _json),
)
def test_any_fields_are_read_or_refused(op: str, fields: dict) -> None:
    """No shape of a field crashes the engine."""
    try:
        decode_request(json.dumps({"tag": "1.0#1", "command": "true", **fields, "op": op}).encode())
    except ProtocolError as error:
        assert str(error)


def test_refusal_names_its_task() -> None:
    """A submit that is not acceptable names its tag, so that the master hears of it as a result."""
    with pytest.raises(ProtocolError, match="submit: memory") as caught:
        decode_request(b'{"op":"submit","tag":"1.0#1","command":"true","memory":"much"}')
    assert caught.value.tag == "1.0#1"


def test_versions_do_not_mix() -> None:
    """An engine of another version is refused with the remedy, not misread."""
    with pytest.raises(ProtocolError, match="speaks version 99"):
        decode_event(encode(Hello(99, 1, 9094, "8", 1.5)))


def test_every_outcome_is_in_the_protocol() -> None:
    """The table leads only to outcomes that a master knows."""
    assert {outcome for outcome, _detail in TABLE.values()} <= set(OUTCOMES)


def test_codes_win_over_flags() -> None:
    """A result with a code above the flags is that code; flags alone are looked at in the library's order."""
    constants = {
        "WORK_QUEUE_RESULT_SUCCESS": 0,
        "WORK_QUEUE_RESULT_INPUT_MISSING": 1,
        "WORK_QUEUE_RESULT_OUTPUT_MISSING": 2,
        "WORK_QUEUE_RESULT_FORSAKEN": 40,
    }
    assert outcome_of(0, constants)[0] == "done"
    assert outcome_of(3, constants)[0] == "input-missing"
    assert outcome_of(2, constants)[0] == "output-missing"
    assert outcome_of(42, constants) == TABLE["FORSAKEN"]
    assert outcome_of(4096, constants) == ("failed", "result 4096 of Work Queue is not known here")
