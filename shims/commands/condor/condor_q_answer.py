"""condor_q's answers: read everything first, then make the whole text."""

from __future__ import annotations

from shims.cli import identity
from shims.format import totals
from shims.format.times import stamp_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.api.query import QueueSource
    from shims.commands.condor.condor_q_request import Question
    from shims.format.totals import Totals
    from spool.classad.job_record import JobRecord

_WITH_TOTALS = ("nobatch", "dag", "cputime", "cumulative", "hold", "batch")


def answer(question: Question, source: QueueSource) -> str:
    """The whole text for stdout. NotVouched, ConstraintError: then there is nothing to print."""
    if question.totals:
        return _totals(question, source)
    records = source.select(question.wanted, question.needs_time)
    if question.analysis is not None:
        from shims.analysis import analyze

        if question.analysis.wanted:
            return analyze.answer(question.analysis, records, source, _source_line(source).rpartition(" @ ")[0])
        records = analyze.unmatchable(question.analysis, records, source)
    if question.clustered:
        from shims.format.autoclusters import clustered

        records = clustered(records, () if question.autoclusters else _projection(question))
    if question.form is not None:
        text = _ads(question, records)
    elif question.given:
        text = _columns(question, records)
    elif question.selection is not None:
        text = _selected(question, records, source)
    else:
        text = _table(question, records, source)
    if question.everywhere and not records and not _everybody(source).jobs:
        return text + "All queues are empty\n"
    return text


def _totals(question: Question, source: QueueSource) -> str:
    """From the published counts alone, when all jobs are asked for: no database, at any number of jobs."""
    everybody = _everybody(source)
    query = (
        everybody if question.wanted.everything else totals.counted(source.select(question.wanted, question.needs_time))
    )
    me = source.me if question.mine else None
    if question.form is None and not question.given:
        return _headline(question, source) + totals.lines(query, everybody if source.shared else None, me)
    from spool.classad.ads import dump
    from spool.classad.job_record import JobRecord

    summary = JobRecord(0, 0, 0, dump(totals.summary(query, everybody, me, source.now)))
    if question.form is None:
        return _columns(question, [summary])
    from shims.format.whole_ads import FORMS, Printer

    return Printer(FORMS[question.form]).document([summary])


def _ads(question: Question, records: Sequence[JobRecord]) -> str:
    from shims.format.whole_ads import FORMS, Printer

    wanted = [*question.attributes, *_projection(question)]
    if question.selection is not None and not question.clustered:
        wanted += ["ClusterId", "ProcId"]
    if question.given:
        from shims.format.autoformat import referred

        wanted += ["ClusterId", "ProcId", *referred(question.given)]
    text = Printer(FORMS[question.form or "long"], wanted).document(records)
    return text if records or question.form == "xml" else ""


def _projection(question: Question) -> list[str]:
    """The attributes that a print-format file reads."""
    if question.selection is None:
        return []
    from shims.print_format.print_mask import referred

    return referred(question.selection)


def _selected(question: Question, records: Sequence[JobRecord], source: QueueSource) -> str:
    """The table of a print-format file; its warnings go to stderr."""
    from shims.cli.stdio import write
    from shims.print_format import print_mask
    from spool.classad.ads import dump
    from spool.classad.job_record import JobRecord

    selection = question.selection
    if selection is None:
        return ""
    if selection.group:
        records = print_mask.grouped(selection, records)
    lines = print_mask.table(selection, records, question.cut)
    write(2, "".join(selection.warnings))
    if not selection.no_title:
        lines.insert(0, _headline(question, source))
    if selection.summary:
        query, everybody = totals.counted(records), _everybody(source)
        me = source.me if question.mine else None
        ad = totals.summary(query, everybody, me, source.now)
        if selection.summary == "standard":
            lines += ["\n", totals.lines(query, everybody if source.shared else None, me), "\n"]
        else:
            lines.append(print_mask.summary(selection, JobRecord(0, 0, 0, dump(ad))))
    return "".join(lines)


def _columns(question: Question, records: Sequence[JobRecord]) -> str:
    from shims.format.autoformat import Projection

    return "".join(Projection(question.given).text(records))


def _table(question: Question, records: Sequence[JobRecord], source: QueueSource) -> str:
    if question.everywhere and not records:
        return ""
    lines = [_headline(question, source)]
    if question.table == "batch":
        from shims.format.batches import batches, table

        lines += table(batches(records, question.whole_clusters), question.cut)
    else:
        from shims.format.job_tables import table as job_table

        lines += job_table(question.table, records, source.now, question.cut)
    if question.table in _WITH_TOTALS:
        query = totals.counted(records)
        everybody = query if question.wanted.everything else _everybody(source)
        me = source.me if question.mine else None
        lines += ["\n", totals.lines(query, everybody if source.shared else None, me), "\n"]
    return "".join(lines)


def _everybody(source: QueueSource) -> Totals:
    return totals.Totals(source.by_status())


def _source_line(source: QueueSource) -> str:
    """What stands above a table of a source's jobs."""
    place = source.place or f"{identity.host_name()} : {identity.address(source.settings)}"
    return f"-- {source.label}: {place} @ {stamp_text(source.now)}"


def _headline(question: Question, source: QueueSource) -> str:
    host, address = identity.host_name(), identity.address(source.settings)
    stamp = stamp_text(source.now)
    if question.submitter is not None:
        name = question.submitter if "@" in question.submitter else f"{question.submitter}@{host}"
        return f"\n\n-- Submitter: {name} : {address} : {host} @ {stamp}\n"
    return f"\n\n{_source_line(source)}\n"
