"""What is tried in the roots: quickstart and tests in each, and a head node with the workers of each other one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platforming.roots import Session

PROJECT = "/opt/project"
PREFIX = f"{PROJECT}/build/quickstart"
# On the real Work Queue: an engine, foremen and workers, transfers both ways, a restart, and the foremen's self-test.
TESTS = (
    "tests/unit/test_engine_contract.py tests/e2e/test_main_job.py tests/e2e/test_launch_selftest.py "
    "tests/e2e/test_launch_lifecycle.py tests/e2e/test_restart.py tests/e2e/test_transfer.py tests/e2e/test_engine_build.py"
)
_JOBS = 12
_HEAD = f"""
set -e
export AWQ_WORKDIR=/tmp/pair/spool WQ_WORKDIR=/tmp/pair/wq WQ_DRAIN=/tmp/pair/drain WQ_MASTER_BASEPORT=@BASE@
rm -rf /tmp/pair; mkdir -p /tmp/pair/out; cd /tmp/pair
. {PREFIX}/etc/env.sh
alien_work_queue --port 0 --stop-pilots > master.log 2>&1 &
for i in $(seq 100); do [ ! -s spool/engine.port ] || break; sleep 0.1; done
export WQ_MASTER=127.0.0.1:$(cat spool/engine.port)
start-foremen
alien_work_queue worker-file worker.pyz > worker-file.log || true
cat > run.sh <<'X'
#!/bin/sh
cat in.txt folder/in.txt; echo $1 > made.$1; exit $(($1 % 3))
X
echo word > in.txt; mkdir folder; echo below > folder/in.txt
cat > job.sub <<'X'
executable = run.sh
arguments = $(Process)
output = out/$(Process)
log = job.log
should_transfer_files = YES
transfer_input_files = in.txt, folder
transfer_output_files = made.$(Process)
queue {_JOBS}
X
condor_submit job.sub > submitted
touch ready
condor_wait -wait @SECONDS@ job.log || {{ condor_q -hold -af HoldReason | sort | uniq -c; alien_wq_worker.sh status; exit 1; }}
right=$(cat out/* | sort | uniq -c | awk '$1 == {_JOBS}' | wc -l)
[ "$right" = 2 ] || {{ echo "outputs: $right"; exit 1; }}
[ "$(cat made.* | wc -l)" = {_JOBS} ] || {{ echo "files: $(cat made.* | wc -l)"; exit 1; }}
"""
_NODE = """
export WQ_WORKDIR=/tmp/node/wq WQ_DRAIN=/tmp/node/drain WQ_FOREMEN=127.0.0.1 WQ_MASTER_BASEPORT=@BASE@
export WQ_PASSWORD_FILE=/tmp/node/password WQ_NUM_WORKERS=2
chmod 600 /tmp/node/password
python3 /tmp/node/worker.pyz start-workers
"""


@dataclass(frozen=True)
class Cell:
    """What came of one try: a word for the table, the seconds it took, and what was said when it failed."""

    word: str
    seconds: float
    said: str = ""

    @property
    def good(self) -> bool:
        """It works, or it is refused as it should be."""
        return self.word != "fails"


def quickstart(root: Session) -> Cell:
    """Install and run 40 pilots, as a newcomer does."""
    return _timed(lambda: root.run(f"cd {PROJECT} && scripts/quickstart"))


def tests(root: Session) -> Cell:
    """The chosen tests."""
    # One after the other: the roots share the machine with whatever else runs.
    return _timed(lambda: root.run(f"cd {PROJECT} && scripts/test -n 2 {TESTS}", 1800))


def pair(head: Session, node: Session, base: int, seconds: int = 90) -> Cell:
    """Jobs from the head node of one release through its foremen on workers of another, by the worker file."""
    began = time.monotonic()
    runs = head.popen(_HEAD.replace("@BASE@", str(base)).replace("@SECONDS@", str(seconds)))
    try:
        if not _until(lambda: (head.path / "tmp/pair/ready").exists() or runs.poll() is not None, 60):
            return Cell("fails", time.monotonic() - began, "the head node did not come up")
        for name in ("spool/password", "worker.pyz"):
            _hand_over(head, node, name)
        started = node.run(_NODE.replace("@BASE@", str(base)), 90)
        if started.returncode:
            return Cell("refused", time.monotonic() - began, _last(started.stdout))
        said = runs.communicate(timeout=seconds + 60)[0]
        return Cell("fails" if runs.returncode else "works", time.monotonic() - began, said if runs.returncode else "")
    finally:
        node.run("WQ_WORKDIR=/tmp/node/wq python3 /tmp/node/worker.pyz stop-workers; rm -rf /tmp/node", 60)
        stop = f". {PREFIX}/etc/env.sh; export WQ_WORKDIR=/tmp/pair/wq AWQ_WORKDIR=/tmp/pair/spool"
        head.run(f"{stop}; stop-foremen; alien_work_queue stop --stop-pilots; rm -rf /tmp/pair", 90)
        if runs.poll() is None:
            runs.kill()
        runs.communicate()


def _hand_over(head: Session, node: Session, name: str) -> None:
    content = Path(head.path / "tmp/pair" / name).read_bytes()
    node.write_bytes(f"tmp/node/{Path(name).name}", content)


def _timed(run: Callable[[], object]) -> Cell:
    began = time.monotonic()
    done = run()
    failed = bool(getattr(done, "returncode", 1))
    return Cell("fails" if failed else "works", time.monotonic() - began, getattr(done, "stdout", "") if failed else "")


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["nothing"])[-1]
