"""Settings: file < environment < options; what is wrong is named with its place."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spool.errors import SettingsError
from spool.settings import TABLE, Settings, load, unknown

HOME = {"HOME": "/home/alice"}


@pytest.fixture
def prefix(tmp_path):
    """An installation; write its settings with ``write``."""
    (tmp_path / "etc").mkdir()
    return tmp_path


def write(prefix, text):
    (prefix / "etc" / "alien-workqueue.conf").write_bytes(text.encode("utf-8", "surrogateescape"))
    return {**HOME, "ALIEN_WORKQUEUE": str(prefix)}


def test_defaults():
    """Those of the older project, but for the working folder, which is a folder of the user's own."""
    found = load(HOME)
    assert (found.workdir, found.wq_workdir) == ("/home/alice/.alien_wq_spool", "/home/alice/.alien_wq_tmp")
    assert (found.drain, found.password_file) == ("/home/alice/.alien_wq_drain", f"{found.workdir}/password")
    assert (found.master, found.foremen_host, found.port) == ("127.0.0.1:9094", "127.0.0.1", 9094)
    assert (found.num_foremen, found.baseport, found.idle_timeout) == (2, 9080, 100)
    assert (found.singletask, found.norespawn, found.debug) == (False, False, False)
    assert (found.project_name, found.catalog_host, found.catalog_port) == ("alien_jobs", "", 9097)


def test_table_and_class_agree():
    """Every row is an attribute with the type of its kind, and there is no other."""
    types = {"path": "str", "text": "str", "count": "int", "port": "int", "seconds": "int", "flag": "bool"}
    assert Settings.__annotations__ == {row[1]: types[row[2]] for row in TABLE}
    assert len({row[0] for row in TABLE}) == len(TABLE)
    found = load(HOME)
    for _variable, attribute, kind, _default, _meaning in TABLE:
        assert type(getattr(found, attribute)).__name__ == types[kind]


def test_later_wins(prefix):
    """File over default, environment over file, option over environment; what is empty or None is not given."""
    environ = write(prefix, "AWQ_PORT=1\nAWQ_JOB_LIMIT=1\nAWQ_STALE=1\n")
    environ.update(AWQ_JOB_LIMIT="2", AWQ_STALE="2", AWQ_HISTORY="")
    found = load(environ, {"stale": 3, "port": None})
    assert (found.port, found.job_limit, found.stale, found.history) == (1, 2, 3, 100000)


def test_file_form(prefix):
    """Comments, blanks, quotes as the shell has them, bytes that are no UTF-8."""
    text = "# c\n\n  AWQ_BIND = a b \nAWQ_PROJECT_NAME='x # y' # why\nAWQ_CATALOG_HOST=h # why\n"
    text += 'AWQ_JOB_WRAPPER="/a b/\udcff"\nWQ_MASTER=#none\nWQ_FOREMEN=a#b\r\n'
    found = load(write(prefix, text))
    assert (found.bind, found.project_name, found.catalog_host) == ("a b", "x # y", "h")
    assert (found.job_wrapper, found.master, found.foremen_host) == ("/a b/\udcff", "", "a#b")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("AWQ_WORKDR=/x", r"unknown setting AWQ_WORKDR: did you mean AWQ_WORKDIR\?$"),
        ("export AWQ_PORT=1", r"unknown setting export AWQ_PORT \(docs/settings.md"),
        ("AWQ_PORT 1", "needs NAME=value, has 'AWQ_PORT 1'"),
        ("AWQ_BIND=a\0b", "needs NAME=value"),
        ("AWQ_BIND='a", "the quotes do not match: 'a"),
        ("AWQ_BIND='a' b", "the quotes do not match"),
    ],
)
def test_file_errors_have_a_place(prefix, line, message):
    """File and line; an unknown key is answered with the known ones."""
    path = re.escape(f"{prefix}/etc/alien-workqueue.conf")
    with pytest.raises(SettingsError, match=f"^{path}:3: {message}"):
        load(write(prefix, f"# one\nAWQ_PORT=1\n{line}\n"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AWQ_PORT", "x", "needs a whole number of 0 or more, has 'x'"),
        ("AWQ_PORT", "-1", "needs a whole number"),
        ("AWQ_PORT", "1_000", "needs a whole number"),
        ("AWQ_PORT", "٣", "needs a whole number"),
        ("AWQ_PORT", "65536", "needs a port"),
        ("AWQ_STALE", "1.5", "needs a whole number"),
        ("AWQ_HISTORY", "9" * 5000, "needs a whole number"),
        ("WQ_DEBUG", "maybe", "needs 0 or 1, has 'maybe'"),
        ("WQ_DRAIN", "~bob/drain", "~ stands for your own home only"),
    ],
)
def test_bad_values_have_a_place(prefix, name, value, message):
    """Which variable, and whether it came from the file's line, the environment or an option."""
    attribute = next(row[1] for row in TABLE if row[0] == name)
    with pytest.raises(SettingsError, match=rf"^{name} \(the environment\): {message}"):
        load({**HOME, name: value})
    with pytest.raises(SettingsError, match=rf"^{name} \({prefix}/etc/alien-workqueue.conf:1\): {message}"):
        load(write(prefix, f"{name}={value}\n"))
    with pytest.raises(SettingsError, match=rf"^{name} \(the option\): {message}"):
        load(HOME, {attribute: value})


def test_paths_are_absolute(tmp_path, monkeypatch):
    """~ is the user's home, a relative path is from here; options too, whose process may have another folder later."""
    monkeypatch.chdir(tmp_path)
    found = load({**HOME, "AWQ_WORKDIR": "~", "WQ_WORKDIR": "~/x/../y", "WQ_DRAIN": "here"}, {"job_wrapper": "./w.sh"})
    assert (found.workdir, found.wq_workdir) == ("/home/alice", "/home/alice/y")
    assert (found.drain, found.job_wrapper) == (f"{tmp_path}/here", f"{tmp_path}/w.sh")
    assert load(HOME, {"workdir": "spool"}).password_file == f"{tmp_path}/spool/password"
    assert load({}).workdir.startswith(os.path.expanduser("~root") if os.getuid() == 0 else "/")


def test_frozen():
    """Nothing is changed, added or taken away."""
    found = load(HOME)
    with pytest.raises(AttributeError, match="frozen: port"):
        found.port = 1
    with pytest.raises(AttributeError, match="frozen: new"):
        found.new = 1
    with pytest.raises(AttributeError, match="frozen: port"):
        del found.port
    assert found.port == 9094


def test_unknown_option_and_unreadable_file(prefix):
    """An option that is no setting is a mistake of ours; a settings file that is no file is one of the operator's."""
    with pytest.raises(SettingsError, match="no such setting: prt; known are: workdir, port"):
        load(HOME, {"prt": 1})
    (prefix / "etc" / "alien-workqueue.conf").mkdir()
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*: Is a directory"):
        load({**HOME, "ALIEN_WORKQUEUE": str(prefix)})
    assert load({**HOME, "ALIEN_WORKQUEUE": "/none"}).port == 9094


@given(st.sampled_from([row[0] for row in TABLE]), st.text(st.characters(exclude_characters="\0"), max_size=30))
def test_any_value_is_taken_or_refused(name, value):
    """Whatever the environment has."""
    try:
        load({**HOME, name: value})
    except SettingsError as error:
        assert str(error).startswith(f"{name} (the environment): ")


def test_misspelt_variables_are_told() -> None:
    """Of our names only those that are close to a setting; those of other programs and of ours that are no settings are not."""
    names = ("WQ_NUM_FORMEN", "AWQ_PROT", "AWQ_JOB_ENV", "AWQ_WORKDIR_BY_ENV_SH", "WQ_CORES", "PATH", "AWQ_WORKDIR")
    assert unknown(dict.fromkeys(names, "1")) == [
        "AWQ_PROT is no setting: did you mean AWQ_PORT?",
        "WQ_NUM_FORMEN is no setting: did you mean WQ_NUM_FOREMEN?",
    ]
