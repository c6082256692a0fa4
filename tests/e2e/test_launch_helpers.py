"""A small site for the tests of foremen and workers: a Work Queue manager in C, a private WQ_WORKDIR, free ports."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CCTOOLS = os.environ.get("CCTOOLS", "/usr")
LIBRARIES = ["-lwork_queue", "-lbatch_job", "-lchirp", "-ldttools", "-lm", "-lz", "-lssl", "-lcrypto"]
MANAGER = r"""
#include "work_queue.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* manager PORT PASSWORDFILE: a line on stdin is a task's command (\001 stands for a newline); tells what happens on stdout */
static int take(struct work_queue *q)
{
	static char line[65536];
	struct pollfd p = {0, POLLIN, 0};
	while(poll(&p, 1, 0) > 0) {
		if(!fgets(line, sizeof(line), stdin)) return 0;
		line[strcspn(line, "\n")] = 0;
		for(char *c = line; *c; c++) if(*c == 1) *c = '\n';
		struct work_queue_task *t = work_queue_task_create(line);
		work_queue_task_specify_cores(t, 1);
		work_queue_task_specify_memory(t, 10);
		work_queue_task_specify_disk(t, 10);
		printf("submitted %d\n", work_queue_submit(q, t));
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct work_queue *q = work_queue_create(atoi(argv[1]));
	if(!q) { puts("no queue"); return 1; }
	work_queue_specify_password_file(q, argv[2]);
	setvbuf(stdin, 0, _IONBF, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while(take(q)) {
		struct work_queue_stats s;
		struct work_queue_task *t = work_queue_wait(q, 1);
		if(t) {
			for(char *c = t->output; c && *c; c++) if(*c == '\n') *c = ' ';
			printf("done %d result %d exit %d output %s\n", t->taskid, t->result, t->return_status, t->output);
			work_queue_task_delete(t);
		}
		work_queue_get_stats(q, &s);
		printf("pool %d running %d\n", s.workers_connected, s.tasks_running);
	}
	return 0;
}
"""
# What the launch script promises the supervisor (docs/protocols.md), around a command.
LAUNCH = r"""s="$AWQ_WORKER_STATE"
if [ "$AWQ_SINGLETASK" = 1 ] && (set -C; : > "$s/closed") 2>/dev/null; then :
elif [ -e "$s/closed" ]; then
: > "$s/bounce.$$"
while [ -e "$s/closed" ] && ! [ -e "$s/leave" ]; do sleep 0.1; done
rm -f "$s/bounce.$$"
if [ -e "$s/leave" ]; then echo bounced=1; exit 0; fi
fi
"""


def until(condition, what, seconds=30.0):
    """Wait for a condition; its value. Fails with ``what`` after the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


def free_range(count):
    """The first of ``count`` TCP ports in a row that nobody listens on."""
    for _try in range(200):
        first = 20000 + secrets.randbelow(10000)
        try:
            held = [socket.create_server(("", first + i)) for i in range(count)]
        except OSError:
            continue
        for each in held:
            each.close()
        return first
    pytest.fail("no free ports between 20000 and 30000")


def lives(pid):
    """Whether a process lives (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture(scope="session")
def manager_binary(tmp_path_factory):
    """The manager, compiled against the installed CCTools."""
    if not os.path.exists(f"{CCTOOLS}/include/cctools/work_queue.h"):
        pytest.fail("needs CCTools' headers: install coop-computing-tools-dev, or set CCTOOLS")
    folder = tmp_path_factory.mktemp("manager")
    source, binary = folder / "manager.c", folder / "manager"
    source.write_text(MANAGER)
    where = ["-I", f"{CCTOOLS}/include/cctools", "-L", f"{CCTOOLS}/lib"]
    command = ["gcc", "-w", *where, str(source), "-o", str(binary), *LIBRARIES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return str(binary)


class Site:
    """One installation: commands, a manager, and what must be gone at the end."""

    def __init__(self, folder, binary):
        self.folder = folder
        self.binary = binary
        self.port = free_range(6)
        self.base = self.port + 1
        self.manager = None
        self.said = []
        self.log = folder / "manager.log"
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "CCTOOLS": CCTOOLS,
            "WQ_MASTER": f"127.0.0.1:{self.port}",
            "WQ_MASTER_BASEPORT": str(self.base),
            "WQ_WORKDIR": str(folder / "wq"),
            "WQ_DRAIN": str(folder / "drain"),
            "WQ_PASSWORD_FILE": str(folder / "password"),
            "WQ_NUM_WORKERS": "2",
            "PYTHONPATH": ROOT,
        }
        (folder / "home").mkdir()
        (folder / "password").touch(mode=0o600)
        (folder / "password").write_text("to be seen nowhere")

    def start_manager(self):
        """Start the master's stand-in."""
        with open(self.log, "a") as out:
            self.manager = subprocess.Popen(
                [self.binary, str(self.port), str(self.folder / "password")],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                text=True,
            )
        until(lambda: "ready" in self.lines(), "the manager is ready")

    def lines(self):
        """What the manager has said so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def submit(self, command, launch=True):
        """A task; with ``launch`` it keeps the launch script's promises."""
        script = (LAUNCH if launch else "") + command
        self.manager.stdin.write(script.replace("\n", "\001") + "\n")
        self.manager.stdin.flush()

    def done(self):
        """The lines of finished tasks."""
        return [line for line in self.lines() if line.startswith("done")]

    def run(self, *arguments, **environ):
        """Run a command; CompletedProcess."""
        command = [sys.executable, "-m", "foremen.operator.alien_wq_worker", *arguments]
        env = {**self.environ, **environ}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def popen(self, *arguments):
        """Start a command; Popen."""
        command = [sys.executable, "-m", "foremen.operator.alien_wq_worker", *arguments]
        return subprocess.Popen(command, env=self.environ, stdout=subprocess.DEVNULL)

    def ok(self, *arguments, **environ):
        """Run a command that must succeed; its stdout."""
        done = self.run(*arguments, **environ)
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout

    def count(self, kind):
        """What count-KIND says."""
        return int(self.ok(f"count-{kind}"))

    def rows(self, kind):
        """What status --json says of one kind."""
        import json

        return [row for row in json.loads(self.ok("status", "--json")) if row["kind"] == kind]

    def supervisor(self, kind):
        """The pid of a supervisor."""
        import json

        return json.loads(next(self.folder.glob(f"wq/state/*/{kind}/supervisor.json")).read_text())["pid"]

    def logs(self):
        """All logs, for a failure's message."""
        return "\n".join(f"{path}:\n{path.read_text()}" for path in self.folder.glob("wq/state/*/*/*.log"))

    def close(self):
        """Stop all; by our own commands, and they are believed."""
        self.run("stop-workers")
        self.run("stop-foremen")
        if self.manager:
            self.manager.kill()
            self.manager.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def site(tmp_path, manager_binary):
    """A site with a running manager."""
    if not os.path.exists(f"{CCTOOLS}/bin/work_queue_worker"):
        pytest.fail("needs CCTools: install coop-computing-tools, or set CCTOOLS")
    made = Site(tmp_path, manager_binary)
    made.start_manager()
    try:
        yield made
    finally:
        made.close()
