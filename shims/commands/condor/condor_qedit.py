"""``condor_qedit``: set attributes of jobs in the queue; the master applies them to the jobs' own ads."""

from __future__ import annotations

import os

from shims.api.selection import ConstraintError, Wanted, parse_id
from shims.cli import stdio
from shims.cli.stdio import Answer
from shims.commands.condor.job_actions import wait_until_taken
from spool.classad import ads, values
from spool.settings import load
from spool.store.layout import open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.api.selection import Id
    from spool.classad.job_record import JobRecord

_FIXED = ("ClusterId", "GlobalJobId", "JobStatus", "MyType", "Owner", "ProcId", "TargetType", "User")
"""HTCondor's immutable attributes, and two whose change would make the queue lie: JobStatus and GlobalJobId."""
_VALUED = ("name", "pool", "jobids", "owner", "constraint", "edits")
_FLAGS = ("help", "debug", "dry-run", "forward")


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_qedit, "condor_qedit", argv)


class Request:
    """A command line: ids, owner and constraints say which jobs, ``edits`` what is set (name to expression)."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.ids: list[Id] = []
        self.owner = ""
        self.constraints: list[str] = []
        self.edits: dict[str, str] = {}
        self.dry = False
        words = list(argv)
        while words:
            word = words.pop(0)
            if word[:1] == "-" and word != "-":
                self._option(word, words)
            elif word:
                self._word(word, words)
        if not self.restricted:
            raise _usage("condor_qedit : Error - no jobs specifed.\n")
        if not self.edits:
            raise _usage("condor_qedit : Error - no attributes specifed.\n")

    @property
    def restricted(self) -> bool:
        """Whether any jobs have been named."""
        return bool(self.ids or self.owner or self.constraints)

    def _word(self, word: str, rest: list[str]) -> None:
        if not self.edits and word[:1].isdigit():
            self._add_ids(word)
        elif not self.restricted:
            self.owner = word
        elif "=" in word:
            name, _, text = word.partition("=")
            self._edit(name, text)
        elif not rest:
            raise _usage(f"condor_qedit : expression required after attribute {word}\n")
        else:
            self._edit(word, rest.pop(0))

    def _add_ids(self, text: str) -> None:
        for word in text.replace(",", " ").split():
            found = parse_id(word)
            if found is None:
                raise _usage(f"condor_qedit : {word} is not a job id\n")
            self.ids.append(found)

    def _option(self, word: str, rest: list[str]) -> None:
        text, _, _form = word.lstrip("-").partition(":")
        name = next((one for one in (*_VALUED, *_FLAGS) if text and one.startswith(text)), "")
        if not name:
            raise _usage(f"condor_qedit: {word} is not a valid option\n")
        if name == "help":
            raise _usage("", 0)
        self.dry = self.dry or name == "dry-run"
        if name in _FLAGS:
            return
        if not rest:
            raise _usage(f"condor_qedit: {word} requires another argument\n")
        value = rest.pop(0)
        if name == "jobids":
            self._add_ids(value)
        elif name == "owner":
            self.owner = value
        elif name == "constraint":
            self.constraints.append(_checked_constraint(value))
        elif name == "edits":
            for attribute, expression in _read_edits(value).items():
                self._edit(attribute, expression)

    def _edit(self, name: str, text: str) -> None:
        if not (name.isascii() and name.isidentifier()):
            raise _aborted(f'Update aborted, illegal attribute-name specified for attribute "{name}".')
        if name.lower() in [fixed.lower() for fixed in _FIXED]:
            raise _aborted(f'Update of immutable attribute "{name}" is not allowed.')
        from spool.classad import evaluate

        expression = values.from_command_line(text)
        if not text.strip() or "\n" in expression or not evaluate.is_expression(expression):
            raise _aborted(f"Update aborted, illegal value for : {name}")
        self.edits[name] = expression.strip()

    def wanted(self) -> Wanted:
        """The jobs."""
        constraints = list(self.constraints)
        if self.owner:
            constraints.append(f'Owner == "{self.owner}"')
        return Wanted(self.ids, (), constraints)

    def described(self) -> str:
        """The jobs as HTCondor's message has them, when there are none."""
        if len(self.ids) == 1 and self.ids[0][1] is not None:
            return f"for job {self.ids[0][0]}.{self.ids[0][1]}."
        parts = [f"(ClusterId == {cluster} )" if proc is None else f"(ClusterId == {cluster} && ProcId == {proc})"
                 for cluster, proc in self.ids]  # fmt: skip
        parts = [" || ".join(parts)] if parts else []
        parts += [f'(Owner=="{self.owner}")'] if self.owner else []
        parts += [f"({text})" for text in self.constraints]
        return f"by constraint: ( {' && '.join(parts)} )"


def _condor_qedit(argv: Sequence[str]) -> int:
    request = Request(argv)
    from shims.api.jobs import select
    from spool.store.queue_view import open_unvouched
    from spool.store.task_file import Act, write_act

    spool = open_spool(load(os.environ).workdir)
    view = open_unvouched(spool)
    try:
        records: list[JobRecord] = select(view, request.wanted())
    except ConstraintError as error:
        raise Answer(1, err=f"condor_qedit: invalid constraint: {error.constraint}\n") from None
    finally:
        view.close()
    names = sorted(request.edits, key=str.lower)
    if not records:
        text = f'Failed to set attribute "{names[0]}" {request.described()}\n'
        raise Answer(1, err=f"{text}Queue transaction failed.  No attributes were set.\n")
    jobs = [(record.cluster, record.proc) for record in records]
    if not request.dry:
        wait_until_taken(spool, write_act(spool, Act("edit", jobs, edits=request.edits)))
    done = "Can Set" if request.dry else "Set"
    return stdio.show("".join([f'{done} attribute "{name}" for {len(jobs)} matching jobs.\n' for name in names]))


def _checked_constraint(text: str) -> str:
    from spool.classad import evaluate

    if not evaluate.is_expression(values.from_command_line(text)):
        raise Answer(1, err=f"condor_qedit: invalid constraint: {text}\n")
    return text


def _read_edits(path: str) -> dict[str, str]:
    """The attributes in a file of the long form (``-``: stdin)."""
    try:
        with open(0 if path == "-" else path, encoding="utf-8", errors="surrogateescape") as file:
            return ads.load([line.strip() for line in file.read().split("\n")])
    except OSError:
        raise Answer(1, err=f"Can't open file of edits: {path}\n") from None
    except ValueError as error:
        raise Answer(1, err=f"condor_qedit: {path}: {error} (only the long form is read)\n") from None


def _aborted(text: str) -> Answer:
    return Answer(1, err=f"{text}\nTransaction failed.  No attributes were set.\n")


def _usage(before: str, status: int = 1) -> Answer:
    from shims.cli.help.others import CONDOR_QEDIT

    return Answer(status, err=before + CONDOR_QEDIT)
