"""The main job, end to end, by the installed commands on the real Work Queue."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import ROOT, WAITS, Site, eventually, install, site

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def prefix() -> Path:
    """The installation."""
    return install()


@pytest.fixture
def head(prefix: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with a living master and no pool."""
    with site(prefix, tmp_path) as made:
        made.start_master()
        yield made


@pytest.fixture
def pool(head: Site) -> Site:
    """A site with two foremen and two workers."""
    head.start_pool()
    return head


def waiting_pilot(at: Site) -> tuple[str, Path]:
    """A pilot that runs until its mark is told to go; its cluster and its mark."""
    mark = at.work / f"mark.{time.monotonic_ns()}"
    return at.submit(WAITS, environment=f"MARK={mark}"), mark


def starts(mark: Path) -> int:
    """How often a waiting pilot was started."""
    return len(mark.read_text().splitlines()) if mark.exists() else 0


@pytest.mark.internet
def test_quickstart_ends_well() -> None:
    """scripts/quickstart installs, runs pilots in both forms through two foremen, checks them, stops all, exits 0."""
    done = subprocess.run(
        [str(ROOT / "scripts/quickstart"), "--pilots", "8"], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 pilots: outputs, exit statuses and environments are right" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_env_sh_is_sourced_twice_and_pollutes_nothing(prefix: Path, shell: str) -> None:
    """Our bin comes first and once; nothing else is added to PATH; works under set -eu."""
    script = f"set -eu; . {prefix}/etc/env.sh; . {prefix}/etc/env.sh; echo $PATH; command -v condor_submit"
    done = subprocess.run(
        [shell, "-c", script], env={"PATH": f"/usr/bin:/bin:{prefix}/bin", "HOME": "/h"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{prefix}/bin:/usr/bin:/bin\n{prefix}/bin/condor_submit\n"


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_env_sh_has_the_spool_of_the_settings_file(prefix: Path, tmp_path: Path, shell: str) -> None:
    """As commands without env.sh have it; also after the file was changed; a variable that is set wins."""
    other = tmp_path / "prefix"
    (other / "etc").mkdir(parents=True)
    script = (prefix / "etc/env.sh").read_text().replace(f"ALIEN_WORKQUEUE={prefix}\n", f"ALIEN_WORKQUEUE={other}\n", 1)
    (other / "etc/env.sh").write_text(script)
    settings = other / "etc/alien-workqueue.conf"
    settings.write_text("# a comment\nAWQ_WORKDIR='/x y' # another\n")
    lines = (
        f'set -eu; . {other}/etc/env.sh; echo "$AWQ_WORKDIR"; echo AWQ_WORKDIR=~/z > {settings}; . {other}/etc/env.sh; '
    )
    lines += f'echo "$AWQ_WORKDIR"; AWQ_WORKDIR=/mine; . {other}/etc/env.sh; echo "$AWQ_WORKDIR"'
    done = subprocess.run(
        [shell, "-c", lines], env={"PATH": "/usr/bin:/bin", "HOME": "/h"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["/x y", "/h/z", "/mine"]


def test_commands_run_in_the_masters_fork_server(prefix: Path, head: Site) -> None:
    """While a master lives, and by themselves when it has gone: with the same words."""
    eventually((head.spool / "commands.sock").exists, what="the fork server listens")
    script = prefix / "lib/commands/condor_version"
    script.chmod(0)  # so it is not what runs
    try:
        served = head.command("condor_version")
    finally:
        script.chmod(0o755)
    assert served.returncode == 0, served.stderr
    head.stop_master(signal.SIGKILL)
    eventually(lambda: not (head.spool / "commands.sock").exists(), what="the fork server ends with its master")
    assert head.command("condor_version").stdout == served.stdout


def test_aliens_sequence(pool: Site) -> None:
    """AliEn's CONDOR.pm: description on stdin, condor_q's -format lines while it runs, condor_rm by id, health by exit status."""
    cluster, mark = waiting_pilot(pool)
    eventually(lambda: starts(mark) == 1, what="the pilot runs")
    eventually(lambda: pool.af("condor_q", cluster, "JobStatus") == "2")
    said = pool.command("condor_q", "-format", "%d ", "ClusterId", "-format", "HoldReason=%s ", "HoldReasonCode",
                        "-format", "%s ", "GridJobId", "-format", "%s \n", "Cmd").stdout  # fmt: skip
    assert said == f"{cluster} {pool.work}/agent.startup \n"
    assert pool.command("condor_q").returncode == 0
    said = pool.command("condor_q", "root" if os.getuid() == 0 else os.environ["USER"], "-totals").stdout
    assert said.splitlines()[-1].endswith("0 idle, 1 running, 0 held, 0 suspended")
    assert pool.command("condor_status", "-schedd", "-af", "totalRunningJobs", "totalIdleJobs").stdout == "1 0\n"
    assert pool.command("condor_rm", cluster).stdout == f"All jobs in cluster {cluster} have been marked for removal\n"
    eventually(lambda: pool.done(cluster))
    assert pool.af("condor_history", cluster, "JobStatus") == "3"


def test_jaliens_sequence(pool: Site) -> None:
    """JAliEn's HTCONDOR.java: by file through bash -c, closed stdin, merged output; its monitoring query; grid resource verbatim."""
    agent = pool.work / "agent.startup"
    agent.write_text("#!/bin/bash\nsleep 0.1; echo $ALIEN_CM_AS_LDAP_PROXY\n")
    agent.chmod(0o700)
    (pool.work / "htc-submit.1.jdl").write_text(
        f"cmd = {agent}\nlog = {pool.work}/jobs.log\noutput = out\nerror = err\n"
        '+TransferOutput = ""\n'
        "periodic_hold = JobStatus == 1 && GridJobStatus =?= undefined && CurrentTime - EnteredCurrentStatus > 1800\n"
        "periodic_remove = CurrentTime - QDate > 172800\n"
        "universe = grid\ngrid_resource = condor ce.cern.ch ce.cern.ch:9619\nShouldTransferFiles = YES\n"
        "use_x509userproxy = true\n"
        "environment = \"ALIEN_CM_AS_LDAP_PROXY='voboxes.cern.ch:8084'\"\nqueue 1\n\n"
    )
    command = f"condor_submit  {pool.work}/htc-submit.1.jdl 2>&1"
    said = pool.command("/bin/bash", "-c", command).stdout
    assert said.startswith("Submitting job(s).\n1 job(s) submitted to cluster ")
    cluster = said.split()[-1].rstrip(".")
    queue = pool.command("condor_q", "-const", "JobStatus < 3", "-af", "JobStatus", "GridResource").stdout
    assert queue in ("1 condor ce.cern.ch ce.cern.ch:9619\n", "2 condor ce.cern.ch ce.cern.ch:9619\n", "")
    eventually(lambda: pool.done(cluster))
    assert (pool.work / "out").read_text() == "voboxes.cern.ch:8084\n"
    assert pool.af("condor_history", cluster, "ExitCode", "GridJobStatus", "GridResource").startswith("0 ")


def test_workers_start_pilots_without_a_shell(pool: Site) -> None:
    """They have the shortcut, the pilot is the starter's child, and neither it nor its programs have the shortcut."""
    cluster = pool.submit(
        "#!/bin/sh\nworker=$(awk '/^PPid:/ { print $2 }' /proc/$PPID/status)\n"
        'echo "${LD_PRELOAD-none} $(cat /proc/$PPID/comm /proc/$worker/comm)"\n'
        "for process in $worker $PPID $$; do grep -c /preload /proc/$process/maps; done\n"
    )
    eventually(lambda: pool.done(cluster))
    said = (pool.work / f"{cluster}.out").read_text().split()
    assert said[:3] == ["none", "starter", "work_queue_work"]
    assert int(said[3]) > 0
    assert said[4:] == ["0", "0"]


def test_the_job_event_log_is_read_by_htcondors_own_reader(pool: Site) -> None:
    """htcondor2.JobEventLog reads submit, execute, memory and end of the job, with its exit status."""
    import htcondor2

    cluster = pool.submit("#!/bin/sh\nexit 5\n")
    eventually(lambda: pool.done(cluster))
    events = [
        event for event in htcondor2.JobEventLog(str(pool.work / "log")).events(0) if event.cluster == int(cluster)
    ]
    assert [event.type for event in events] == [
        htcondor2.JobEventType.SUBMIT, htcondor2.JobEventType.EXECUTE, htcondor2.JobEventType.IMAGE_SIZE,
        htcondor2.JobEventType.JOB_TERMINATED,
    ]  # fmt: skip
    assert events[-1]["ReturnValue"] == 5
    assert events[-1]["MemoryUsage"] == events[-2]["MemoryUsage"] > 0
    assert pool.af("condor_history", cluster, "MemoryUsage") == str(events[-1]["MemoryUsage"])


def test_kill_9_of_the_master(pool: Site) -> None:
    """A running pilot goes on, what was submitted meanwhile is not lost, condor_q refuses until a master is back."""
    cluster, mark = waiting_pilot(pool)
    eventually(lambda: starts(mark) == 1)
    pool.stop_master(signal.SIGKILL)
    refused = pool.command("condor_q", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "master is not running" in refused.stderr
    meanwhile = pool.submit("#!/bin/sh\nexit 0\n")
    mark.with_name(f"{mark.name}.go").touch()
    pool.start_master()
    eventually(lambda: pool.done(cluster) and pool.done(meanwhile))
    assert starts(mark) == 1
    assert pool.af("condor_history", cluster, "ExitCode", "NumJobStarts") == "7 1"


def test_kill_9_of_the_engine(pool: Site) -> None:
    """The attempt is lost and the pilot runs again: the master starts another engine, foremen and workers come back."""
    cluster, mark = waiting_pilot(pool)
    eventually(lambda: starts(mark) == 1)
    old = pool.engine
    os.kill(old, signal.SIGKILL)
    eventually(lambda: starts(mark) == 2, 120, "the pilot runs again")
    mark.with_name(f"{mark.name}.go").touch()
    eventually(lambda: pool.done(cluster))
    assert pool.engine != old
    assert pool.af("condor_history", cluster, "ExitCode", "NumJobStarts") == "7 2"
    assert "004 (" in (pool.work / "log").read_text()


def test_a_worker_that_vanishes_costs_one_start(head: Site) -> None:
    """kill -9 of a directly connected worker: the pilot runs again elsewhere, the start is counted."""
    first = head.worker(head.port, "-P", head.password)
    cluster, mark = waiting_pilot(head)
    eventually(lambda: starts(mark) == 1)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    second = head.worker(head.port, "-P", head.password)
    try:
        eventually(lambda: starts(mark) == 2)
        mark.with_name(f"{mark.name}.go").touch()
        eventually(lambda: head.done(cluster))
    finally:
        os.killpg(second.pid, signal.SIGKILL)
        second.wait()
    assert head.af("condor_history", cluster, "NumJobStarts", "ExitCode") == "2 7"


def test_stop_workers_leaves_a_foreign_worker_alone(pool: Site) -> None:
    """stop-workers ends what this installation started; a work_queue_worker of somebody else goes on."""
    foreign = pool.worker(pool.port, "-P", pool.password)
    try:
        assert pool.command("count-workers").stdout.strip() == "2"
        pool.command("stop-workers")
        assert pool.command("count-workers").stdout.strip() == "0"
        assert foreign.poll() is None
    finally:
        os.killpg(foreign.pid, signal.SIGKILL)
        foreign.wait()


def test_a_worker_without_the_password_gets_nothing(head: Site) -> None:
    """Wrong password and none: the job stays idle until a worker with the right one comes."""
    wrong = head.work / "wrong"
    wrong.write_text("guess")
    intruders = [head.worker(head.port, "-P", str(wrong)), head.worker(head.port)]
    cluster = head.submit("#!/bin/sh\nexit 0\n")
    try:
        eventually(
            lambda: "auth" in (head.spool / "engine.log").read_text() or all(w.poll() is None for w in intruders)
        )
        right = head.worker(head.port, "-P", head.password)
        intruders.append(right)
        eventually(lambda: head.done(cluster))
        assert head.af("condor_history", cluster, "NumJobStarts") == "1"
    finally:
        for process in intruders:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_port_in_use_is_one_sentence(prefix: Path, tmp_path: Path) -> None:
    """alien_work_queue on a taken port: exit status 1, the port and a remedy in one line, no traceback."""
    with socket.create_server(("0.0.0.0", 0)) as taken, site(prefix, tmp_path) as made:
        port = taken.getsockname()[1]
        done = made.command("alien_work_queue", "--port", str(port), check=False)
        assert done.returncode == 1
        assert str(port) in done.stderr
        assert "Traceback" not in done.stderr


def test_a_second_master_is_refused(head: Site) -> None:
    """One spool has one master."""
    done = head.command("alien_work_queue", "--port", "0", check=False)
    assert done.returncode == 1
    assert "running" in done.stderr


def test_ctrl_c_ends_in_order(head: Site) -> None:
    """SIGINT: exit status 0, the engine without pilots is gone too, jobs that waited are idle for the next master."""
    cluster = head.submit("#!/bin/sh\nexit 0\n")
    eventually(lambda: head.af("condor_q", cluster, "JobStatus") == "1")
    engine = head.engine
    assert head.stop_master(signal.SIGINT) == 0
    eventually(lambda: not Path(f"/proc/{engine}").exists())
    head.start_master()
    assert head.af("condor_q", cluster, "JobStatus") == "1"


def test_a_missing_cctools_is_one_sentence(tmp_path: Path) -> None:
    """scripts/install with a CCTOOLS that has none: the sentence names the package and the variable; exit status 1."""
    done = subprocess.run(
        [str(ROOT / "scripts/install"), str(tmp_path / "awq")], env={**os.environ, "CCTOOLS": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "coop-computing-tools" in done.stderr
    assert "CCTOOLS" in done.stderr


def test_condor_submit_holds_no_pipe_open(head: Site) -> None:
    """JAliEn waits until everybody has closed stdout: nothing that condor_submit starts may inherit it."""
    read_end, write_end = os.pipe()
    agent = head.work / "agent"
    agent.write_text("#!/bin/sh\n")
    text = f"executable = {agent}\nqueue\n".encode()
    subprocess.run(["condor_submit"], input=text, env=head.env, stdout=write_end, stderr=write_end, check=True)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read().endswith(b"submitted to cluster 1.\n")


def test_the_environment_is_the_submitted_one_with_the_wrapper(prefix: Path, tmp_path: Path) -> None:
    """With the example wrapper a pilot sees HOME, a plain PATH, ALIEN_*, what was submitted and the _CONDOR_ names, nothing else."""
    with site(prefix, tmp_path) as made:
        made.env["SECRET_OF_THE_NODE"] = "x"
        made.start_master("--job-wrapper", f"{prefix}/etc/alien_job_wrapper.sh")
        made.start_pool()
        cluster = made.submit("#!/bin/sh\nenv\n", environment="A=b;CONDOR_ID=$(Cluster).$(Process)")
        eventually(lambda: made.done(cluster))
        seen = dict(line.split("=", 1) for line in (made.work / f"{cluster}.out").read_text().splitlines())
        assert (seen["A"], seen["CONDOR_ID"]) == ("b", f"{cluster}.0")
        assert seen["_CONDOR_SCRATCH_DIR"] == seen["TMPDIR"]
        assert "SECRET_OF_THE_NODE" not in seen
        assert not [name for name in seen if name.startswith("AWQ_")]


def test_foremen_dispatch_to_all_workers(pool: Site) -> None:
    """Two pilots at once run on two workers behind two foremen; the foremen's engine sees both cores."""
    marks = [waiting_pilot(pool) for _ in range(2)]
    eventually(lambda: all(starts(mark) == 1 for _cluster, mark in marks), what="both run at the same time")
    for _cluster, mark in marks:
        mark.with_name(f"{mark.name}.go").touch()
    eventually(lambda: all(pool.done(cluster) for cluster, _mark in marks))


def test_a_long_variable_arrives_whole(pool: Site) -> None:
    """30 KB in one variable, which Work Queue cannot carry in one piece, and an ad as long: the pilot has both, the engine lives."""
    eventually(lambda: pool.engine, what="the engine is known")
    engine = pool.engine
    script = '#!/bin/sh\nprintf %s "$LONG" | wc -c\ngrep -c \'^Note = "y*"$\' "$_CONDOR_JOB_AD"\n'
    cluster = pool.submit(script, environment=f"LONG={'x' * 30000}", **{"+Note": f'"{"y" * 30000}"'})
    eventually(lambda: pool.done(cluster))
    assert (pool.work / f"{cluster}.out").read_text().split() == ["30000", "1"]
    assert pool.engine == engine
