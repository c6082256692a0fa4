"""Real workers and the real launch script: what pilots know of their node, and a drain with a deadline."""

from __future__ import annotations

import os
import shlex
import signal
import time

import pytest
from test_launch_helpers import lives, manager_binary, site, until  # noqa: F401 fixtures

from foremen.pilot import launch_script

pytestmark = pytest.mark.engine
FACTS = {"AWQ_JOB_AD": "A = 1\n", "AWQ_JOB_ID": "12.3", "AWQ_CPUS": "1", "AWQ_MEMORY": "10", "AWQ_DISK": "10"}


def submit(of, script):
    """A pilot as the master starts it: its shell script on the node, the facts as environment."""
    path = of.folder / f"agent{len(list(of.folder.glob('agent*')))}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    facts = " ".join(f"{name}={shlex.quote(value)}" for name, value in FACTS.items())
    of.submit(
        f"export {facts}\n" + launch_script.command([], launch_script.Redirections("", "", ""), False, str(path)),
        launch=False,
    )


def begin(of, workers="1", *options, **environ):
    """One foreman, and workers of one core."""
    of.ok("start-foremen", WQ_NUM_FOREMEN="1")
    of.ok("start-workers", *options, WQ_NUM_FOREMEN="1", WQ_NUM_WORKERS=workers, **environ)


def written(path):
    """The content of a file once it is there with its end."""
    return until(lambda: path.exists() and path.read_text().endswith("\n") and path.read_text(), f"{path} is written")


def features(text):
    """``NAME=value`` lines as a dict."""
    return dict(line.split("=", 1) for line in text.splitlines())


SHOW = """show() { printf '%s=' "${1##*/}"; cat "$1" 2> /dev/null || echo; }
"""


def test_features_of_node_and_job(site, tmp_path):  # noqa: F811
    """$MACHINEFEATURES and $JOBFEATURES as HSF-TN-2016-02 has them; the sandbox itself stays as the job made it."""
    begin(site, "2", WQ_WALLTIME="5000")
    began = time.time()
    submit(
        site,
        SHOW
        + f"""for f in "$MACHINEFEATURES"/* "$JOBFEATURES"/*; do show "$f"; done > {tmp_path}/new
{{ ls; echo .; }} > {tmp_path}/sandbox; env > {tmp_path}/env; mv {tmp_path}/new {tmp_path}/features""",
    )
    found = features(written(tmp_path / "features"))
    assert found["total_cpu"] == "2"
    assert found["log_cores"] == str(len(os.sched_getaffinity(0)))
    assert abs(float(found["shutdowntime"]) - began - 5000) < 60
    assert (found["allocated_cpu"], found["job_id"]) == ("1", "12.3")
    assert abs(float(found["jobstart_secs"]) - began) < 60
    assert abs(float(found["wall_limit_secs"]) - 5000) < 60
    assert found["cpu_limit_secs"] == found["wall_limit_secs"]
    assert [name for name in (tmp_path / "sandbox").read_text().split() if not name.startswith("cctools-temp-t.")] == [
        "."
    ]
    assert "AWQ_" not in (tmp_path / "env").read_text()


def test_no_deadline_no_shutdowntime(site, tmp_path):  # noqa: F811
    """Without an end none is announced; a drain's deadline is seen by pilots that run, and its undoing too."""
    begin(site)
    submit(site, f'while ! [ -e {tmp_path}/go ]; do cat "$MACHINEFEATURES/shutdowntime" > {tmp_path}/x 2> /dev/null;'
           f" mv {tmp_path}/x {tmp_path}/seen; sleep 0.1; done")  # fmt: skip
    until((tmp_path / "seen").exists, site.lines)
    assert (tmp_path / "seen").read_text() == ""
    assert "is ended" in site.ok("drain", "--deadline", "1000")
    deadline = float(written(tmp_path / "seen"))
    assert abs(deadline - time.time() - 1000) < 60
    site.ok("drain")
    assert float(written(tmp_path / "seen")) == deadline
    site.ok("drain", "--deadline", "2000")
    until(lambda: float(written(tmp_path / "seen")) > deadline + 900, "a new deadline is seen")
    assert "1 workers on" in site.ok("undrain")
    until(lambda: (tmp_path / "seen").read_text() == "", "no shutdown any more")
    (tmp_path / "go").touch()
    until(site.done, site.lines)
    assert "exit=0" in site.done()[0]
    assert site.count("workers") == 1


def test_what_is_left_at_the_deadline_goes_back(site, tmp_path):  # noqa: F811
    """The pilot gets SIGTERM, its job comes back as bounced; one that ignores SIGTERM is killed; all leave."""
    begin(site, "2")
    submit(
        site, f"trap 'echo term > {tmp_path}/term; exit 0' TERM; touch {tmp_path}/first; while :; do sleep 0.1; done"
    )
    submit(site, f"trap '' TERM; echo $$ > {tmp_path}/deaf; setsid sh -c 'echo $$ > {tmp_path}/daemon; exec sleep 600' &"
           " while :; do sleep 0.1; done")  # fmt: skip
    pids = [int(written(tmp_path / name)) for name in ("deaf", "daemon")]
    until((tmp_path / "first").exists, site.lines)
    done = site.run("drain", "--deadline", "2", "--wait")
    assert done.returncode == 0, done.stderr + site.logs()
    assert "draining: 2 workers with 2 pilots and 1 foremen are left" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("drained: no foremen and no workers")
    assert (tmp_path / "term").exists()
    assert not any(lives(pid) for pid in pids)
    until(lambda: len(site.done()) == 2, site.lines)
    assert all("result 0" in line and "bounced=1" in line and "exit=" not in line for line in site.done())


def test_pilot_that_ends_in_time_is_done(site, tmp_path):  # noqa: F811
    """Before the deadline its own exit status counts; nothing new starts meanwhile."""
    begin(site, "1", "--cores", "2")
    submit(site, f"touch {tmp_path}/runs; while ! [ -e {tmp_path}/go ]; do sleep 0.1; done; exit 7")
    until((tmp_path / "runs").exists, site.lines)
    site.ok("drain", "--deadline", "600")
    until(lambda: list(tmp_path.glob("wq/w/*/*/state/closed")), site.logs)
    submit(site, f"touch {tmp_path}/second")
    until(lambda: list(tmp_path.glob("wq/w/*/*/state/bounce.*")), site.logs)
    (tmp_path / "go").touch()
    until(lambda: len(site.done()) == 2, site.lines)
    assert sorted("exit=7" in line for line in site.done()) == [False, True]
    assert sorted("bounced=1" in line for line in site.done()) == [False, True]
    until(lambda: site.count("workers") == 0, site.logs)
    assert not (tmp_path / "second").exists()


def test_walltime_ends_workers(site, tmp_path):  # noqa: F811
    """A batch job's end is a deadline: the job comes back, and start-workers --wait ends."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    submit(site, f"touch {tmp_path}/runs; sleep 600")
    with site.popen("start-workers", "--wait", "--walltime", "12", "--workers", "1") as waiting:
        until((tmp_path / "runs").exists, site.logs)
        until(lambda: waiting.poll() is not None, site.logs)
    assert waiting.returncode == 0
    until(site.done, site.lines)
    assert "bounced=1" in site.done()[0]
    assert site.count("workers") == 0
    assert not (tmp_path / "drain").exists()


def test_batch_system_says_stop(site, tmp_path):  # noqa: F811
    """SIGTERM to start-workers --wait --grace: the pilots' jobs go home in order."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    with site.popen("start-workers", "--wait", "--grace", "1", "--workers", "1") as waiting:
        submit(site, f"touch {tmp_path}/runs; sleep 600")
        until((tmp_path / "runs").exists, site.logs)
        waiting.send_signal(signal.SIGTERM)
        until(lambda: waiting.poll() is not None, site.logs)
    assert waiting.returncode == 128 + 15
    assert site.count("workers") == 0
    until(site.done, site.lines)
    assert "bounced=1" in site.done()[0]


def test_outer_features_are_passed_on(site, tmp_path):  # noqa: F811
    """Started by a batch system that announces a shutdown and the node's power itself: pilots see both."""
    outer = tmp_path / "outer"
    outer.mkdir()
    (outer / "shutdowntime").write_text("4000000000\n")
    (outer / "hs06").write_text("123.4\n")
    begin(site, MACHINEFEATURES=str(outer), JOBFEATURES=str(outer))
    submit(
        site,
        SHOW
        + f"""for n in shutdowntime hs06; do show "$MACHINEFEATURES/$n"; done > {tmp_path}/new
echo "job=$JOBFEATURES" >> {tmp_path}/new; mv {tmp_path}/new {tmp_path}/features""",
    )
    found = features(written(tmp_path / "features"))
    assert (found["shutdowntime"], found["hs06"]) == ("4000000000", "123.4")
    assert "cctools-temp-t." in found["job"]
