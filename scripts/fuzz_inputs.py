"""How the fuzzer's inputs are made: what the grammar allows, with anything anywhere, and known good texts damaged."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_BYTES = st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape"))
_NUMBERS = st.sampled_from(
    [
        "0",
        "1",
        "-1",
        "007",
        "1.5",
        "1e400",
        "9" * 12,
        "9" * 400,
        "9" * 5000,
        "\u00b2",
        "0x10",
        "2147483648",
        "NaN",
        "1 GB",
        "5m",
    ]
)
_NAMES = st.sampled_from(
    ["executable", "cmd", "arguments", "environment", "env", "output", "error", "log", "input", "queue", "universe",
     "grid_resource", "periodic_hold", "periodic_remove", "on_exit_hold", "request_cpus", "request_memory", "request_disk",
     "requirements", "rank", "transfer_input_files", "transfer_output_files", "transfer_output_remaps", "initialdir",
     "should_transfer_files", "when_to_transfer_output", "priority", "hold", "getenv", "max_retries", "leave_in_queue",
     "batch_name", "container_image", "+Foo", "+AwqInputs", "+AwqExecutable", "MY.JobStatus", "+JobStatus", "+ClusterId",
     "+Cmd", "+Iwd", "+Owner", "x", "y", "JobPrio", "kill_sig", "notification", "concurrency_limits", "retry_until",
     "use_x509userproxy", "use_scitokens", "scitokens_file", "stream_output", "transfer_executable", "notify_user"]
)  # fmt: skip
_WORDS = st.sampled_from(
    ["$(x)", "$(y:z)", "$(x", "$$(Cpus)", "$$([Memory*2])", "$(Dollar)", "$(Process)", "$(Cluster)", "$ENV(HOME)", "$ENV(NONE:d)",
     "$F(x)", "$Fnxq(y)", "$INT(x,%5d)", "$REAL(1.5,%g)", "$EVAL(1+1)", "$STRING(x)", "$SUBSTR(x,1,-1)", "$CHOICE(1,a,b)",
     "$RANDOM_INTEGER(1,9,2)", "$RANDOM_CHOICE(a,b)", "$BASENAME(x)", '"', "'", '""', "''", '"a \'b c\' d"', "\\", "\\\n", "#", "=",
     ":", ";", ",", "(", ")", "{", "}", "[", "]", "&&", "||", "=?=", "=!=", "!", "?", "\t", "in", "from", "matching", "files",
     "if", "else", "elif", "endif", "defined", "include :", "error :", "warning :", "@=end", "@end", "[:2]", "[::0]", "[1:2:3]", "true",
     "undefined", "error", "JobStatus", "time()", "MY.x", "TARGET.y", "strcat(1,2)", "regexp(\"(a*)*b\",\"aaaaaaaaaaaa\")", "s.sh",
     "in1", "items", "more", "/bin/true", "../s.sh", "/", ".", "..", "*", "/dev/null", "/dev/zero/x", "https://x/y", "vanilla", "grid",
     "condor ce.example.org x", "YES", "NO", "IF_NEEDED", "ON_EXIT", "A=b;C=d", "\x1b[31m", "\x7f", "\u2028", "\x85"]
)  # fmt: skip
_WORD = st.one_of(_WORDS, _WORDS, _NUMBERS, _NAMES, _ANY, _BYTES)
_VALUE = st.lists(_WORD, max_size=6).flatmap(lambda words: st.sampled_from(["", " "]).map(lambda gap: gap.join(words)))
_COUNTS = st.sampled_from(["", "1", "2", "0", "$(x)", "-1", "17", "1.5", "x"])


def _joined(parts: tuple[str, ...]) -> str:
    return "".join(parts)


def _mutated(good: SearchStrategy[str]) -> SearchStrategy[str]:
    """A good text with a few pieces cut out, doubled or replaced."""
    change = st.tuples(st.integers(0, 400), st.integers(0, 30), _WORD, st.booleans())

    def damage(made: tuple[str, list[tuple[int, int, str, bool]]]) -> str:
        text, changes = made
        for start, length, word, doubled in changes:
            at = start % (len(text) + 1)
            text = text[:at] + (text[at : at + length] * 2 if doubled else word) + text[at + length :]
        return text

    return st.tuples(good, st.lists(change, max_size=4)).map(damage)


def _golden_descriptions() -> list[str]:
    """What HTCondor was asked about for the golden files."""
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/golden/submit"))
    from cases import CASES  # type: ignore[import-not-found]

    return [text for case in CASES for text in case.files.values()]


def descriptions() -> SearchStrategy[str]:
    """Submit descriptions."""
    assignment = st.tuples(
        st.sampled_from(["", " ", "\t"]), _NAMES, st.sampled_from(["=", " = ", " =", ":", " @=end\n"]), _VALUE
    )
    item_list = st.lists(_WORD, max_size=4).map("\n".join)
    queue = st.one_of(
        _COUNTS.map(lambda count: f"queue {count}"),
        st.tuples(_COUNTS, _VALUE).map(lambda pair: f"queue {pair[0]} x in ({pair[1]})"),
        st.tuples(_COUNTS, item_list).map(lambda pair: f"queue {pair[0]} x,y from (\n{pair[1]}\n)"),
        st.tuples(_COUNTS, _VALUE).map(lambda pair: f"queue {pair[0]} x matching {pair[1]}"),
        _VALUE.map(lambda value: f"queue {value}"),
    )
    condition = _VALUE.map(lambda value: f"if {value}")
    line = st.one_of(
        assignment.map(_joined), assignment.map(_joined), assignment.map(_joined), condition, queue, _VALUE
    )
    free = st.lists(line, max_size=8).map(lambda lines: "\n".join(["executable = s.sh", *lines, "queue"]))
    return st.one_of(free, free.map(lambda text: text[18:]), _mutated(st.sampled_from(_golden_descriptions())))


_ATTRIBUTES = st.sampled_from(
    ["ClusterId", "ProcId", "JobStatus", "Cmd", "Foo", "Bar", "List", "Text", "Size", "Odd", "Nope", "time()"]
)
_OPERATORS = st.sampled_from(
    ["==", "=?=", "=!=", "<", ">=", "&&", "||", "+", "-", "*", "/", "%", "?:", "<<", "is", "isnt", ",", "."]
)
_LITERALS = st.sampled_from(
    ["1", "0", "1.5", "-9223372036854775808", "1e308", '"a"', '"\\777"', '"\x1b"', "true", "undefined", "error", "{1,2}", "[a=1]", "{}",
     "9" * 60, '"' + "a" * 300 + '"']
)  # fmt: skip
_CALLS = st.sampled_from(
    ["strcat", "substr", "regexp", "regexps", "int", "real", "string", "split", "join", "size", "member", "ifThenElse", "eval", "unparse",
     "formatTime", "interval", "random", "time", "stringListMember", "sum", "max", "debug", "versionGE", "userHome", "envV1ToV2", "pow",
     "listToArgs", "replaceall", "evalInEachContext", "nosuch", "quantize", "round"]
)  # fmt: skip


def _expressions() -> SearchStrategy[str]:
    leaf = st.one_of(_ATTRIBUTES, _LITERALS, _LITERALS)

    def grow(inner: SearchStrategy[str]) -> SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, _OPERATORS, inner).map(" ".join),
            st.tuples(_CALLS, st.lists(inner, max_size=3)).map(lambda pair: f"{pair[0]}({', '.join(pair[1])})"),
            inner.map(lambda text: f"({text})"),
            inner.map(lambda text: f"!{text}"),
            st.tuples(inner, inner).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        )

    deep = st.sampled_from(
        ["(" * 3000, "!" * 3000 + "true", "{" * 2000 + "}" * 2000, "-" * 4000 + "1", "a." * 2000 + "b", "[a=" * 1000]
    )
    return st.one_of(
        st.recursive(leaf, grow, max_leaves=8), _mutated(st.recursive(leaf, grow, max_leaves=5)), _VALUE, deep
    )


def _formats() -> SearchStrategy[str]:
    piece = st.tuples(
        st.sampled_from(["%", "%%", "%-", "%0", "% ", "%+", "%#"]),
        st.sampled_from(["", "1", "10", "*", ".3", "10.2", ".", "999999999", "-5", "4000.4000"]),
        st.sampled_from(["", "l", "ll", "h", "z", "L"]),
        st.sampled_from(
            ["d", "i", "u", "x", "X", "o", "c", "s", "f", "g", "e", "E", "G", "v", "V", "T", "n", "p", "a", "", "\\"]
        ),
    ).map(_joined)
    return st.lists(
        st.one_of(piece, _ANY, st.sampled_from(["\\n", "\\t", "\\\\", "\\0", "\\x41", "\\", " "])), max_size=4
    ).map("".join)


def commands() -> SearchStrategy[tuple[str, ...]]:
    """Command lines: (command, arguments...)."""
    expression, form = _expressions(), _formats()
    attribute = st.one_of(_ATTRIBUTES, expression, _ANY)
    modifiers = st.text("jhltnrgoVR,:q", max_size=4).map(lambda letters: f":{letters}" if letters else "")
    part: SearchStrategy[tuple[str, ...]] = st.one_of(
        expression.map(lambda text: ("-constraint", text)),
        st.tuples(form, attribute).map(lambda pair: ("-format", *pair)),
        st.tuples(modifiers, st.lists(attribute, min_size=1, max_size=3)).map(lambda pair: (f"-af{pair[0]}", *pair[1])),
        st.sampled_from([("-l",), ("-json",), ("-xml",), ("-totals",), ("-nobatch",), ("-hold",), ("-run",), ("-wide",), ("-grid",),
                         ("-batch",), ("-idle",), ("-dag",), ("-limit", "2"), ("-limit", "x"), ("-l:new",), ("-schedd",)]),
        st.lists(attribute, max_size=3).map(lambda names: ("-attributes", ",".join(names))),
        st.one_of(_NUMBERS, _ANY, st.sampled_from(["1", "1.0", "1.9", "me", "1.", ".1", "-", ""])).map(lambda word: (word,)),
        _ANY.map(lambda text: (f"-{text}",)),
    )  # fmt: skip
    command = st.sampled_from(["condor_q", "condor_q", "condor_q", "condor_history", "condor_status"])
    return st.tuples(command, st.lists(part, max_size=4)).map(
        lambda pair: (pair[0], *[word.replace("\0", "") for words in pair[1] for word in words])
    )


_GOOD_TASK = """awq-task 1 submit
cluster 1000
Cmd = "/bin/true"
Owner = "me"
JobStatus = 1
Iwd = "/tmp"
Out = "out"
Arguments = "a 'b c'"
Environment = "A=b"
UserLog = "/dev/null"
RequestCpus = 1
JobPrio = 0
QDate = 1700000000
proc 0
AwqInputs = "in.0=x"
proc 1
Foo = 1 + 1
end 2
"""
_GOOD_ACT = 'awq-task 1 act\naction remove\nreason "why"\njob 1.0\ncluster 2\nend 4\n'


def task_files() -> SearchStrategy[bytes]:
    """Task files: damaged ones, and whole ones with odd expressions."""
    names = st.sampled_from(
        ["Cmd", "Owner", "JobStatus", "Iwd", "Out", "Err", "In", "Arguments", "Args", "Environment", "Env", "EnvDelim", "UserLog",
         "RequestCpus", "RequestMemory", "RequestDisk", "RequestGPUs", "JobPrio", "QDate", "AwqInputs", "AwqExecutable", "HoldReason",
         "HoldReasonCode", "JobUniverse", "GridResource", "GridJobId", "JobBatchName", "MemoryUsage", "ImageSize", "TransferExecutable",
         "NumJobStarts", "PeriodicHold", "ClusterId", "ProcId", "EnteredCurrentStatus", "JobDescription", "RemoteHost", "x.y"]
    )  # fmt: skip
    expression = st.one_of(_expressions(), _NUMBERS, _VALUE.map(json.dumps), _VALUE.map(lambda text: f'"{text}"'))
    line = st.tuples(names, expression).map(" = ".join)
    whole = st.lists(line, max_size=8).map(
        lambda lines: "\n".join(["awq-task 1 submit", "cluster 1000", *lines, "proc 0", "end 1", ""])
    )
    text = st.one_of(whole, whole, _mutated(st.sampled_from([_GOOD_TASK, _GOOD_ACT])), _mutated(whole))
    return st.one_of(text.map(lambda made: made.encode("utf-8", "surrogateescape")), st.binary(max_size=60))


def messages(key: str) -> SearchStrategy[bytes]:
    """Lines of the engine's protocol, for the master (``ev``) or the engine (``op``)."""
    words = st.sampled_from(
        ["hello", "submit", "cancel", "ack", "stop"]
        if key == "op"
        else ["hello", "state", "result", "pool", "error", "bye"]
    )
    fields = st.sampled_from(
        ["tag", "command", "env", "inputs", "outputs", "cores", "memory", "disk", "gpus", "priority", "version", "tags", "pid", "port",
         "cctools", "started", "tasks", "state", "tries", "host", "at", "outcome", "exit", "report", "ended", "sent", "received", "detail",
         "workers", "cores_used", "waiting", "running", "nosuch"]
    )  # fmt: skip
    leaf = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), _ANY, st.sampled_from(["1.0#1", "1.1#1", "1.0#9", "", "/x", "../y", "running",
                         "waiting", "done", "awq=1\nexit=0\n", "cancelled", "output-missing", "\ud800", "\x00"]))  # fmt: skip
    value = st.recursive(
        leaf,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_ANY, inner, max_size=2)),
        max_leaves=6,
    )
    free = st.tuples(words, st.dictionaries(fields, value, max_size=6)).map(lambda pair: {key: pair[0], **pair[1]})
    good = {
        "op": [{"op": "submit", "tag": "1.0#1", "command": "true", "inputs": [["/a", "b", True]], "outputs": [["c", "/d"]],
                "env": {"A": "b"}},
               {"op": "hello", "version": 1}, {"op": "cancel", "tag": "1.0#1"}, {"op": "ack", "tags": ["1.0#1"]}],
        "ev": [{"ev": "state", "tag": "1.0#1", "state": "running", "tries": 1, "host": "h", "at": 1.0},
               {"ev": "result", "tag": "1.0#1", "outcome": "done", "exit": 0, "report": "awq=1\nhost=h\nexit=0\n", "tries": 1, "host": "h",
                "started": 1.0, "ended": 2.0, "sent": 1, "received": 1, "detail": ""},
               {"ev": "pool", "workers": 1, "cores": 1, "cores_used": 0, "memory": 1, "disk": 1, "waiting": 0, "running": 0, "at": 1.0},
               {"ev": "hello", "version": 1, "pid": 1, "port": 1, "cctools": "9", "started": 1.0, "tasks": [["1.0#1", "running", 1, "h"]]}],
    }[key]  # fmt: skip
    spoiled = st.tuples(st.sampled_from(good), st.dictionaries(fields, value, max_size=2)).map(
        lambda pair: {**pair[0], **{name: text for name, text in pair[1].items() if name in pair[0]}}
    )
    whole = st.one_of(free, spoiled, spoiled).map(json.dumps)
    text = st.one_of(whole, _mutated(whole), _VALUE, st.just("[" * 100000), st.just('{"a":' * 50000))
    return text.map(lambda made: made.encode("utf-8", "surrogatepass"))


def reports() -> SearchStrategy[str]:
    """What a launch script, or something that claims to be one, wrote."""
    good = "awq=1\nhost=node.example.org\nexit=0\ntimes=0m0.00s 0m0.00s\n1m2.50s 0m0.01s\n"
    return st.one_of(_mutated(st.just(good)), st.text(max_size=80), _VALUE)


def setting_files() -> SearchStrategy[bytes]:
    """Settings files."""
    from spool.settings import TABLE

    line = st.tuples(
        st.sampled_from([row[0] for row in TABLE]), st.sampled_from(["=", " = ", ""]), st.one_of(_VALUE, _NUMBERS)
    ).map(_joined)
    text = st.lists(st.one_of(line, _VALUE, st.just("# x")), max_size=6).map("\n".join)
    return st.one_of(text.map(lambda made: made.encode("utf-8", "surrogateescape")), st.binary(max_size=60))


def old_forms() -> SearchStrategy[bytes]:
    """Task files of the older project."""
    good = "executable = /bin/true\noutput = out\nenvironment = A=b;CONDOR_ID=$(Cluster).$(Process)\narguments = \"a 'b c'\"\nlog = log\n"
    key = st.sampled_from(["executable", "cmd", "output", "error", "log", "environment", "arguments", "input", "x"])
    line = st.tuples(key, st.sampled_from(["=", " = "]), _VALUE).map(_joined)
    free = st.lists(line, max_size=6).map(lambda lines: "\n".join(["executable=/bin/true", *lines]))
    text = st.one_of(_mutated(st.just(good)), free)
    return st.one_of(text.map(lambda made: made.encode("utf-8", "surrogateescape")), st.binary(max_size=60))
