"""The example job wrapper: which variables of the execute node reach a pilot, with every shell that may run it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

WRAPPER = Path(__file__).resolve().parents[2] / "etc/alien_job_wrapper.sh"
KEPT = (
    "HOME", "USER", "LANG", "LC_ALL", "TZ", "ALIEN_CM_AS_LDAP_PROXY", "JALIEN_TOKEN_CERT", "X509_USER_PROXY", "X509_CERT_DIR",
    "BEARER_TOKEN", "BEARER_TOKEN_FILE", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "ALL_PROXY", "TMPDIR",
    "_CONDOR_JOB_AD", "_CONDOR_SCRATCH_DIR", "MACHINEFEATURES", "JOBFEATURES", "APPTAINER_BINDPATH", "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES", "OMP_NUM_THREADS",
)  # fmt: skip
DROPPED = (
    "SECRET", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "BASH_ENV", "PERL5LIB",
    "AWQ_WORKDIR",
    "WQ_PASSWORD_FILE", "AWQ_JOB_ENV", "AWQ_KEEP_ENV", "ALIEN_WORKQUEUE", "KRB5CCNAME", "SLURM_JOB_ID", "NOTALIEN_X", "more", "name",
)  # fmt: skip

pytestmark = pytest.mark.parametrize("shell", ["dash", "bash"])


def seen(shell: str, environ: dict[str, str]) -> dict[str, str]:
    """What ``env`` prints under the wrapper."""
    path = shutil.which(shell)
    assert path, f"no {shell}: apt-get install {shell}"
    done = subprocess.run(
        [path, str(WRAPPER), "/usr/bin/env", "-0"], env=environ, capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)


def test_what_the_grid_needs_is_kept(shell: str) -> None:
    """Every variable of today's sites reaches the pilot with its value, blanks, quotes, line breaks and all."""
    values = {name: f"a 'b' \"c\" $d * \n{name}=x" for name in KEPT}
    found = seen(shell, {**values, "PATH": "/opt/strange:/usr/bin"})
    assert {name: found.get(name) for name in KEPT} == values
    assert found["PATH"] == "/usr/local/bin:/usr/bin:/bin"


def test_the_rest_is_dropped(shell: str) -> None:
    """Nothing else of the node, the worker or this toolkit reaches it, whatever its name."""
    found = seen(shell, {**dict.fromkeys((*KEPT, *DROPPED), "x"), "PATH": "/usr/bin"})
    assert set(found) - set(KEPT) <= {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}


def test_what_was_submitted_wins(shell: str) -> None:
    """Variables of the submission are kept whatever they are called, PATH included."""
    found = seen(shell, {"AWQ_JOB_ENV": "A SECRET PATH", "A": "b", "SECRET": "s", "PATH": "/mine:/usr/bin", "B": "c"})
    assert (found["A"], found["SECRET"], found["PATH"]) == ("b", "s", "/mine:/usr/bin")
    assert "B" not in found


@pytest.mark.parametrize("patterns", ["FOO BAR_* ?AZ", "FOO,BAR_*,?AZ", " FOO  BAR_*\t?AZ "])
def test_awq_keep_env_adds_patterns(shell: str, patterns: str, tmp_path: Path) -> None:
    """AWQ_KEEP_ENV: names and patterns; a pattern is no file name, and none of them keeps the setting itself."""
    (tmp_path / "BAR_file").touch()
    names = {"FOO": "1", "FOOD": "2", "BAR_": "3", "BAR_X": "4", "BAZ": "5", "XBAZ": "6"}
    found = seen(shell, {**names, "AWQ_KEEP_ENV": patterns, "PATH": "/usr/bin", "HOME": str(tmp_path)})
    assert {name for name in names if name in found} == {"FOO", "BAR_", "BAR_X", "BAZ"}
    assert "AWQ_KEEP_ENV" not in found


def test_exported_functions_do_not_come_along(shell: str) -> None:
    """Functions that a node exports (``module``, ``which``) are not the pilot's commands."""
    found = seen(shell, {"BASH_FUNC_module%%": "() {  echo stolen\n}", "PATH": "/usr/bin", "HOME": "/h"})
    assert not [name for name in found if name.startswith("BASH_FUNC")]


def test_the_exit_status_and_arguments_are_the_pilots(shell: str) -> None:
    """The wrapper is gone when the pilot runs: its arguments word for word, its exit status its own."""
    script = 'printf "%s|" "$@"; exit 7'
    done = subprocess.run(
        [shell, str(WRAPPER), "/bin/sh", "-c", script, "sh", "a b", "*", ""], env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, "a b|*||")
