"""The clients' own environments under build/clients, made once: virtual environments from lists of pinned releases, Debian packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from sites import ROOT

REQUIREMENTS = Path(__file__).parent / "requirements"
ENVIRONMENTS = ROOT / "build/clients"


def environment(name: str) -> Path:
    """The folder of the client's environment, made when its list or Python changed; the test fails when it cannot be made.

    ``requirements/NAME.txt`` names every package with its release, so that pip has nothing to resolve (--no-deps).
    """
    wanted = _stamp(name)
    folder = ENVIRONMENTS / name
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with FileLock(ENVIRONMENTS / f"{name}.lock"):
        made_for = folder / "made-for"
        if not made_for.exists() or made_for.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            _run(name, sys.executable, "-m", "venv", str(folder))
            _pip(name, folder)
            made_for.write_text(wanted)
    return folder


def debian(package: str) -> Path:
    """The folder in which a Debian package of this system's release is unpacked, not installed; the test fails when it cannot be had."""
    folder = ENVIRONMENTS / package
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with FileLock(ENVIRONMENTS / f"{package}.lock"):
        if not (folder / "unpacked").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            command = f"apt-get download {package} && dpkg-deb --extract {package}_*.deb . && rm {package}_*.deb && touch unpacked"
            done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.fail(f"cannot fetch Debian's {package}; remedy: apt-get update\n{done.stdout}{done.stderr}")
    return folder


def _stamp(name: str) -> str:
    requirements = (REQUIREMENTS / f"{name}.txt").read_text()
    return hashlib.sha256(f"{sys.version}\n{ENVIRONMENTS}\n{requirements}".encode()).hexdigest()


def _pip(name: str, folder: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--prefer-binary"]
    requirements = str(REQUIREMENTS / f"{name}.txt")
    _run(name, str(folder / "bin/python"), "-m", "pip", "install", *options, "--requirement", requirements)


def _run(name: str, *command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(
            f"cannot make the environment of {name} in {ENVIRONMENTS / name}\nremedy: make the package index reachable for pip "
            f"(PIP_INDEX_URL, PIP_CERT), or bring tests/clients/requirements/{name}.txt up to date, and run again: "
            f"scripts/test tests/clients\n$ {' '.join(command)}\n{done.stdout}{done.stderr}"
        )
