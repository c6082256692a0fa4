"""What is rendered for the golden files, and the command that records them anew:

    python tests/golden/render/cases.py               write NAME.txt for every case
    python tests/golden/render/cases.py --htcondor    and what a real HTCondor makes of htcondor.txt

The machine with HTCondor is reached by the command in HTCONDOR_ORACLE_CMD (it gets the words "sh" and "bash", and a script
on stdin).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from foremen.batch.render import Wish, render  # noqa: E402

_ODD = {
    "worker": "/shared/grid soft/it's/alien_wq_worker.pyz",
    "foremen": 'head1.example.org, "head$2":9081 %h',
    "password_file": "/home/grid/pass word",
    "cctools": "/opt/cc%tools",
}
_PLAIN = {
    "worker": "/shared/alien_wq_worker.pyz",
    "foremen": "head.example.org",
    "password_file": "/home/grid/.wq_password",
    "cctools": "/usr",
}
_SITE = {"num_foremen": 4, "base_port": 9080, "idle_timeout": 600, "image": "registry.example.org/worker:1"}
CASES: dict[str, Wish] = {
    **{
        kind: Wish(kind=kind, **_PLAIN, **_SITE, queue="long", account="alice", count=20)
        for kind in ("slurm", "pbs", "lsf", "sge", "htcondor", "kubernetes")
    },
    "systemd": Wish(kind="systemd", **_PLAIN, **_SITE, walltime=0),
    "oneshot": Wish(kind="oneshot", **_PLAIN, **_SITE, walltime=0, cores=1, memory=2000),
    "kubernetes-deployment": Wish(kind="kubernetes", **_PLAIN, **_SITE, walltime=0, disk=50000, secret="c2VjcmV0"),
    "slurm-odd": Wish(kind="slurm", **_ODD, **_SITE, python="/opt/py thon3", extra=("--qos=low", "--exclusive")),
    "systemd-odd": Wish(kind="systemd", **_ODD, **_SITE, walltime=0, python="/opt/py $thon3"),
    "htcondor-odd": Wish(kind="htcondor", **_ODD, **_SITE, python="/opt/py thon3", disk=1000, walltime=0),
    "kubernetes-odd": Wish(kind="kubernetes", **_ODD, **_SITE, python="/opt/py thon3"),
}
ATTRIBUTES = {
    *("AllowedJobDuration", "Arguments", "Cmd", "Environment", "JobMaxVacateTime", "JobUniverse", "KillSig"),
    *("RequestCpus", "RequestMemory", "ShouldTransferFiles", "TransferExecutable", "TransferOutput"),
    *("WantGracefulRemoval", "WhenToTransferOutput"),
}


def chosen(ad: str) -> str:
    """The attributes of an ad in long form that the rendering is responsible for, sorted."""
    lines = [line.partition("=") for line in ad.splitlines()]
    return "".join(
        sorted(f"{name.strip()}={value.strip()}\n" for name, _, value in lines if name.strip() in ATTRIBUTES)
    )


def submit_file(case: str) -> str:
    """The rendering with files that are everywhere: both condor_submit look at them."""
    lines = render(CASES[case]).splitlines(keepends=True)
    there = [line for line in lines if not line.startswith("transfer_input_files")]
    return "".join("executable = /bin/true\n" if line.startswith("executable") else line for line in there)


def record_htcondor() -> None:
    """What the real condor_submit -dry-run makes of the submit files, with its version."""
    for case in ("htcondor", "htcondor-odd"):
        script = f"""folder=$(mktemp -d) && cd "$folder" && cat > sub <<'AWQ_END'
{submit_file(case)}AWQ_END
condor_version | head -n 1; condor_submit -dry-run - sub; rm -rf "$folder"
"""
        command = [*os.environ["HTCONDOR_ORACLE_CMD"].split(), "sh", "bash"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        version = next((line for line in done.stdout.splitlines() if line.startswith("$CondorVersion")), "")
        if not version or "JobUniverse" not in done.stdout:
            raise SystemExit(f"no HTCondor there:\n{done.stdout}{done.stderr}")
        (HERE / f"{case}.ad").write_text(f"# {version}\n{chosen(done.stdout)}", encoding="utf-8")


def main(words: list[str]) -> int:
    """Record; the exit status."""
    for name, wish in CASES.items():
        (HERE / f"{name}.txt").write_text(render(wish), encoding="utf-8")
    if "--htcondor" in words:
        record_htcondor()
    print(f"{len(CASES)} renderings recorded in {HERE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
