"""What starts workers by other schedulers: golden files, each kind's own parser, and that no text breaks out of its place."""

from __future__ import annotations

import base64
import dataclasses
import difflib
import os
import runpy
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from foremen.batch import quoting, render
from foremen.batch.quoting import FILTERS
from foremen.batch.render import KINDS, Wish
from foremen.operator.alien_work_queue import cli
from spool.errors import AwqError
from spool.settings import load

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/render"
FOUND = runpy.run_path(str(GOLDEN / "cases.py"))
CASES: dict[str, Wish] = FOUND["CASES"]
SCRIPTS = [name for name, wish in CASES.items() if wish.kind in ("slurm", "pbs", "lsf", "sge", "oneshot")]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), min_size=1)
RECORD = "python tests/golden/render/cases.py"


def tool(name, package):
    """A program that a test cannot do without."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing: apt-get install {package} (scripts/packages --tests)")
    return path


# --- golden files


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    """Nothing changes unseen."""
    now = render.render(CASES[name])
    was = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    diff = "".join(difflib.unified_diff(was.splitlines(True), now.splitlines(True), "recorded", "now"))
    assert now == was, f"{diff}\nrecord anew, when this is wanted: {RECORD}"


def test_every_kind_has_a_case():
    """No kind is left without golden file and parser."""
    assert {wish.kind for wish in CASES.values()} == set(KINDS)


# --- each by a parser


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts(tmp_path, name):
    """By two shells and by shellcheck."""
    path = tmp_path / "script"
    path.write_text(render.render(CASES[name]))
    for command in (["bash", "-n"], ["dash", "-n"], ["shellcheck", "--exclude=SC2016"]):
        done = subprocess.run(
            [tool(command[0], command[0]), *command[1:], str(path)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("kind", "environment", "cores", "memory"),
    [
        ("slurm", {"SLURM_CPUS_PER_TASK": "5", "SLURM_MEM_PER_NODE": "1000"}, "5", "950"),
        ("pbs", {"PBS_NUM_PPN": "6"}, "6", "15200"),
        ("pbs", {"NCPUS": "7"}, "7", "15200"),
        ("lsf", {"LSB_DJOB_NUMPROC": "3"}, "3", "15200"),
        ("sge", {"NSLOTS": "4"}, "4", "15200"),
        ("sge", {}, "8", "15200"),
        ("oneshot", {"MESOS_SANDBOX": "SANDBOX"}, "8", "15200"),
    ],
)
def test_scripts_run(tmp_path, kind, environment, cores, memory):
    """A stand-in for the worker side sees folders of this job's own, what the scheduler gave, and odd texts unchanged."""
    worker = tmp_path / "it's a worker"
    worker.write_text('#!/bin/sh\nenv -0; printf "args=%s\\0" "$*"\n')
    worker.chmod(0o755)
    odd = {"worker": str(worker), "foremen": 'a, "b$c" `d`', "password_file": "/p q", "cctools": "/c'c"}
    script = render.render(dataclasses.replace(CASES["slurm"], kind=kind, **odd))
    (tmp_path / "jobs").mkdir()
    base = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path / "jobs")}
    given_ = {name: str(tmp_path / "jobs") if value == "SANDBOX" else value for name, value in environment.items()}
    done = subprocess.run(["sh", "-c", script], env={**base, **given_}, capture_output=True, text=True, check=True)
    seen = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    assert (seen["WQ_CORES"], seen["WQ_MEMORY"]) == (cores, memory)
    assert (seen["WQ_FOREMEN"], seen["WQ_PASSWORD_FILE"], seen["CCTOOLS"]) == ('a, "b$c" `d`', "/p q", "/c'c")
    assert seen["WQ_SINGLETASK"] == ("1" if kind == "oneshot" else "0")
    assert seen["WQ_NORESPAWN"] == "1"
    assert seen["args"].startswith("start-workers --wait --grace ")
    folder = Path(seen["WQ_WORKDIR"]).parent
    assert folder == Path(seen["WQ_DRAIN"]).parent
    assert folder.parent == tmp_path / "jobs"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["htcondor", "htcondor-odd"])
def test_htcondor_reads_it(tmp_path, name):
    """Our condor_submit -dry-run makes of it what the real one was recorded to make."""
    (tmp_path / "sub").write_text(FOUND["submit_file"](name))
    command = [
        sys.executable,
        "-c",
        "from shims.commands.condor.condor_submit import main; from shims.cli.entry_point import run; run(main)",
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "-dry-run", "-", "sub"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    recorded = (GOLDEN / f"{name}.ad").read_text(encoding="utf-8").splitlines(True)
    assert FOUND["chosen"](done.stdout).splitlines(True) == recorded[1:]


# What the API server would say of a manifest, for the objects and fields that we use: name to type or to more fields.
POD = {
    "restartPolicy": str, "automountServiceAccountToken": bool, "terminationGracePeriodSeconds": int,
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int, "fsGroup": int},
    "containers": [{
        "name": str, "image": str, "command": [str], "args": [str],
        "env": [{"name": str, "value?": str, "valueFrom?": {
            "resourceFieldRef": {"containerName": str, "resource": str, "divisor?": str}}}],
        "resources": {"requests": {"cpu": str, "memory": str, "ephemeral-storage?": str},
                      "limits": {"cpu": str, "memory": str, "ephemeral-storage?": str}},
        "securityContext": {"allowPrivilegeEscalation": bool},
        "volumeMounts": [{"name": str, "mountPath": str, "readOnly?": bool}],
    }],
    "volumes": [{"name": str, "emptyDir?": {}, "secret?": {"secretName": str, "defaultMode": int}}],
}  # fmt: skip
META = {"name": str, "namespace": str}
TEMPLATE = {"metadata": {"labels": {"app": str}}, "spec": POD}
SCHEMAS = {
    ("v1", "Secret"): {"metadata": META, "type": str, "data": {"password": str}},
    ("batch/v1", "Job"): {"metadata": META, "spec": {
        "parallelism": int, "completions": int, "activeDeadlineSeconds": int, "template": TEMPLATE}},
    ("apps/v1", "Deployment"): {"metadata": META, "spec": {
        "replicas": int, "selector": {"matchLabels": {"app": str}}, "template": TEMPLATE}},
}  # fmt: skip


def conform(value, schema, place=""):
    """Fail at the first place where a value is not what the schema says."""
    if isinstance(schema, dict):
        assert isinstance(value, dict), place
        known = {name.rstrip("?"): (name.endswith("?"), kind) for name, kind in schema.items()}
        assert set(value) <= set(known), f"{place}: {set(value) - set(known)}"
        for name, (optional, kind) in known.items():
            assert optional or name in value, f"{place}.{name} is missing"
            if name in value:
                conform(value[name], kind, f"{place}.{name}")
    elif isinstance(schema, list):
        assert isinstance(value, list), place
        for at, item in enumerate(value):
            conform(item, schema[0], f"{place}[{at}]")
    else:
        assert type(value) is schema, f"{place}: {value!r}"


@pytest.mark.parametrize("name", [name for name, wish in CASES.items() if wish.kind == "kubernetes"])
def test_kubernetes(name):
    """YAML whose objects have the fields and types of the API; mounts, selectors and secret fit together."""
    wish = CASES[name]
    objects = [it for it in yaml.safe_load_all(render.render(wish)) if it is not None]
    assert [it["kind"] for it in objects] == [
        *(["Secret"] if wish.secret else []),
        "Job" if wish.walltime else "Deployment",
    ]
    for it in objects:
        version = (it.pop("apiVersion"), it.pop("kind"))
        conform(it, SCHEMAS[version])
    spec = objects[-1]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    values = {it["name"]: it.get("value") for it in container["env"]}
    assert (values["WQ_FOREMEN"], values["CCTOOLS"]) == (wish.foremen, wish.cctools)
    done = subprocess.run(["sh", "-n", "-c", container["args"][0]], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert wish.worker in container["args"][0].replace("'\"'\"'", "'")
    if wish.secret:
        assert base64.b64decode(objects[0]["data"]["password"]) == b"secret"


def verify_units(folder, *units):
    """What systemd-analyze says of units: nothing."""
    command = [tool("systemd-analyze", "systemd"), "--user", "verify", *map(str, units)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["plain", "od %h $HOME ; é"])
def test_units(tmp_path, name):
    """systemd reads the unit for workers, finds its program whatever its name, and has nothing to say."""
    folder = tmp_path / name
    folder.mkdir()
    for program in ("worker.pyz", "python"):
        (folder / program).write_text("#!/bin/sh\n")
        (folder / program).chmod(0o755)
    for at, python in enumerate(("", str(folder / "python"))):
        wish = dataclasses.replace(CASES["systemd"], worker=str(folder / "worker.pyz"), python=python)
        (tmp_path / f"workers{at}.service").write_text(render.render(wish))
    verify_units(tmp_path, *tmp_path.glob("*.service"))


@pytest.mark.parametrize("name", ["plain", "od %h $HOME ; é"])
def test_head_node(tmp_path, name):
    """The units and logrotate's file of an installation, read by systemd and by logrotate."""
    prefix = tmp_path / name
    spool = prefix / "spool"
    spool.mkdir(parents=True)
    (spool / "engine.log").write_bytes(b"x\n" * 2**20)
    command = [sys.executable, str(ROOT / "scripts/render_prefix.py"), str(prefix)]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "AWQ_WORKDIR": str(spool),
    }
    subprocess.run(command, env=environment, check=True)
    units = sorted((prefix / "etc/systemd/user").glob("*.service"))
    assert [unit.name for unit in units] == ["alien-work-queue.service", "alien-wq-foremen.service"]
    verify_units(tmp_path, *units)
    assert all("KillMode=process" in unit.read_text() for unit in units)
    path = (
        shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin:/sbin") or tool("logrotate", "logrotate")
    )
    rotate = [path, "--state", str(tmp_path / "state"), str(prefix / "etc/logrotate.d/alien-workqueue")]
    tried = subprocess.run([*rotate, "--debug"], capture_output=True, text=True, check=False)
    assert (tried.returncode, "error" in tried.stderr) == (0, False), tried.stderr
    subprocess.run(rotate, check=True, capture_output=True)
    assert (spool / "engine.log").stat().st_size == 0
    assert (spool / "engine.log.1.gz").exists() or (spool / "engine.log.1").exists()


def test_installation_where_systemd_starts_nothing(tmp_path):
    """A prefix that systemd or logrotate cannot name: installed without units, and it is said."""
    command = [sys.executable, str(ROOT / "scripts/render_prefix.py"), str(tmp_path / "it's")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "no units and no logrotate file: systemd starts no program" in done.stderr
    assert (tmp_path / "it's/bin/condor_q").exists()


# --- quoting


@given(TEXT)
def test_yaml_quoting(text):
    """What a YAML parser reads is what was written."""
    assert yaml.safe_load(f"{{a: {FILTERS['yaml'](text)}}}") == {"a": text}


@given(TEXT)
def test_plain_words_only(text):
    """What a scheduler's comment line cannot quote is refused, with the text."""
    try:
        assert FILTERS["directive"](text) == text
    except AwqError as error:
        assert repr(text) in str(error)
    else:
        assert not set(text) & set(" \t\n'\"$`\\;&|<>()#*?[]{}!~")


def test_undefined_names_are_errors(tmp_path):
    """A template that asks for what is not there does not render."""
    (tmp_path / "t").write_text("{{ nothing }}")
    with pytest.raises(Exception, match="nothing"):
        quoting.environment(tmp_path).get_template("t").render()


def test_every_insertion_is_quoted():
    """Texts go through a filter; what goes without is a number, or was made of quoted words."""
    numbers = {
        "cores",
        "memory",
        "disk",
        "count",
        "walltime",
        "minutes",
        "memory_per_core",
        "lifetime",
        "grace",
        "line",
    }
    numbers |= {"num_foremen", "base_port", "idle_timeout"}
    for path in (ROOT / "templates").glob("batch-*.j2"):
        for part in path.read_text().split("{{")[1:]:
            inside = part.partition("}}")[0].strip()
            plain = inside.split()[0] in numbers or inside.startswith(('"s" if', '"true" if', '"Never" if', "1 if"))
            assert "|" in inside or plain, f"{path.name}: {inside}"


# --- refusals, and the command


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "pigeon"}, "known are: systemd, slurm"),
        ({"foremen": "a\nb"}, "--foremen"),
        ({"extra": ("--x\n#SBATCH --y",)}, "--extra"),
        ({"name": "a b"}, "a batch system takes only"),
        ({"kind": "kubernetes", "name": "A_b"}, "Kubernetes takes"),
        ({"kind": "kubernetes", "image": ""}, "needs --image"),
        ({"kind": "htcondor", "password_file": "/a,b"}, "comma"),
        ({"kind": "systemd", "worker": "/it's"}, "no program whose path holds a quote"),
        ({"walltime": 0}, "--walltime needs 300 s or more"),
        ({"kind": "htcondor", "walltime": 60}, "--walltime needs more than 120 s"),
        ({"cores": 0}, "--cores needs 1 or more"),
        ({"worker": "worker.pyz"}, "--worker needs a whole path"),
        ({"cctools": "/\udcff"}, "--cctools"),
    ],
)
def test_refused(changes, says):
    """One line that names the option."""
    with pytest.raises(AwqError, match=says):
        render.render(dataclasses.replace(CASES["slurm"], **changes))


def run(tmp_path, *words, **environ):
    """The command, in this process."""
    clean = {**dict.fromkeys(os.environ), "HOME": str(tmp_path), "PATH": os.environ["PATH"], **environ}
    return CliRunner(env=clean).invoke(cli, ["render", *words])


def test_command(tmp_path):
    """Shown, or written with its mode; the table lists every kind; settings are the defaults."""
    assert [line.split()[0] for line in run(tmp_path, "--list").output.splitlines()[1:]] == list(KINDS)
    words = ["slurm", "--worker", "/w.pyz", "--cores", "3", "--extra", "--qos=low"]
    shown = run(tmp_path, *words, WQ_FOREMEN="head", WQ_NUM_FOREMEN="7").output
    assert "export WQ_FOREMEN=head WQ_NUM_FOREMEN=7" in shown
    assert "#SBATCH --cpus-per-task=3" in shown
    assert "#SBATCH --qos=low" in shown
    done = run(tmp_path, *words, "--output", str(tmp_path / "job"), WQ_FOREMEN="head", WQ_NUM_FOREMEN="7")
    assert done.output == f"wrote {tmp_path}/job; then: sbatch {tmp_path}/job\n"
    assert (tmp_path / "job").read_text() == shown
    assert stat.S_IMODE((tmp_path / "job").stat().st_mode) == 0o755


def test_installation_is_the_default_worker(tmp_path):
    """Within an installation nobody has to say where the program is; without, it is asked for."""
    shown = run(tmp_path, "lsf", WQ_FOREMEN="head", ALIEN_WORKQUEUE="/opt/awq").output
    assert "exec /opt/awq/bin/alien_wq_worker.sh start-workers" in shown
    assert "--worker PATH" in str(run(tmp_path, "lsf", WQ_FOREMEN="head").exception)


def test_foremen_that_nodes_do_not_find():
    """A name that every node has for itself is refused as a guess, and taken when somebody says it."""
    settings = load({"HOME": "/home/x"})
    with pytest.raises(AwqError, match="--foremen HOST"):
        render.wish_of("lsf", settings, {"worker": "/w"}, lambda: "localhost")
    assert render.wish_of("lsf", settings, {"worker": "/w"}, lambda: "head.example.org").foremen == "head.example.org"
    given_ = {"worker": "/w", "foremen": "127.0.0.1"}
    assert render.wish_of("lsf", settings, given_, lambda: "localhost").foremen == "127.0.0.1"


def test_secret_is_for_its_owner(tmp_path):
    """Only when asked for, from a private file, into a private file."""
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("hunter2")
    words = ["kubernetes", "--worker", "/w.pyz", "--image", "i", "--output", str(tmp_path / "out")]
    site = {"WQ_FOREMEN": "head", "WQ_PASSWORD_FILE": str(tmp_path / "password")}
    encoded = base64.b64encode(b"hunter2").decode()
    assert run(tmp_path, *words, **site).exit_code == 0
    assert encoded not in (tmp_path / "out").read_text()
    assert run(tmp_path, *words, "--with-secret", **site).exit_code == 0
    assert encoded in (tmp_path / "out").read_text()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
    (tmp_path / "password").chmod(0o644)
    assert "chmod 600" in str(run(tmp_path, *words, "--with-secret", **site).exception)


def test_the_sites_command_starts_it(tmp_path: Path) -> None:
    """Never ours of the same name; where only ours is there, that is said."""
    for folder in ("ours/bin", "site"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "condor_submit").touch(0o755)
    environ = {"ALIEN_WORKQUEUE": str(tmp_path / "ours"), "PATH": f"{tmp_path}/ours/bin:{tmp_path}/site"}
    assert render.start_line("htcondor", "a b.sub", environ) == f"{tmp_path}/site/condor_submit 'a b.sub'"
    (tmp_path / "site/condor_submit").unlink()
    assert "it is not on PATH here" in render.start_line("htcondor", "x.sub", environ)
    assert render.start_line("slurm", "x.sh", environ) == "sbatch x.sh"
