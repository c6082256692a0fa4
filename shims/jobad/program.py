"""What a job runs, and where: universe, folder, executable, arguments, environment, the grid's resource."""

from __future__ import annotations

import os
import stat

from shims.jobad import simple_commands
from shims.jobad.job_ad import JobAd, full_path
from shims.submit.errors import SubmitError
from spool.classad import arguments as syntax
from spool.classad.arguments import ArgumentsError
from spool.job import GRID

_GRID_TYPES = (
    "condor", "batch", "arc", "ec2", "gce", "azure", "nordugrid", "pbs", "lsf", "sge", "nqs", "naregi", "blah", "cream",
    "unicore", "boinc", "gt2", "gt4", "gt5", "globus",
)  # fmt: skip
"""HTCondor's, and those that older releases knew: what is behind them is not used here, the text is kept."""
_RUNNABLE = frozenset([5, 7, 9, 10, 11, 12])
_UNIVERSE_NAMES = {1: "Standard", 2: "Pipe", 3: "Linda", 4: "PVM", 6: "PVMD", 8: "MPI", 13: "VM"}


def set_universe(job: JobAd) -> None:
    """``universe``, and what a container needs. SubmitError."""
    name = (job.macros.get("universe", "JobUniverse") or "vanilla").lower()
    universe = simple_commands.UNIVERSES.get(name, int(name) if name in ("5", "7", "9", "10", "11", "12") else 0)
    image = job.macros.get("container_image", "ContainerImage")
    docker = job.macros.get("docker_image", "DockerImage")
    if not universe:
        raise SubmitError(f"I don't know about the '{name}' universe.", lead="")
    if universe not in _RUNNABLE:
        raise SubmitError(f"'{_UNIVERSE_NAMES[universe]}' is not a supported universe.", lead="")
    job.universe = universe
    job.ad["JobUniverse"] = str(universe)
    if name == "docker" or (universe == 5 and (name == "container" or image or docker)):
        _set_container(job, "docker" if name == "docker" else "container", image, docker)
    if universe == 11:
        _set_parallel(job)
    if universe == GRID:
        resource = job.macros.get("grid_resource", "GridResource")
        if resource is None:
            raise SubmitError("grid_resource attribute not defined for grid universe job", lead="")
        job.grid_type = resource.partition(" ")[0].lower()
        if job.grid_type not in _GRID_TYPES:
            raise SubmitError(
                f"Invalid value '{resource.partition(' ')[0]}' for grid type\n"
                "Must be one of: condor, batch, arc, ec2, gce, or azure",
                lead="",
            )


def _set_parallel(job: JobAd) -> None:
    """``machine_count`` of a parallel job. SubmitError."""
    count = job.macros.get("machine_count", "MachineCount") or job.macros.get("node_count", "NodeCount")
    if count is None:
        raise SubmitError("No machine_count specified!", lead="")
    digits = count[1:] if count[:1] == "-" else count
    end = next((at for at, char in enumerate(digits) if not char.isdigit()), len(digits))
    number = int(digits[:end] or "0") * (-1 if count[:1] == "-" else 1)
    job.ad["MinHosts"] = job.ad["MaxHosts"] = str(number)
    job.ad.update(WantIOProxy="true", JobRequiresSandbox="true")


def _set_container(job: JobAd, topping: str, image: str | None, docker: str | None) -> None:
    if topping == "docker" and image and not docker:
        raise SubmitError("docker universe does not allow use of container_image.", lead="")
    if topping == "docker" and not docker:
        raise SubmitError("docker jobs require a docker_image", lead="")
    if not image and not docker:
        raise SubmitError("container jobs require a container_image or docker_image", lead="")
    if image and docker:
        raise SubmitError("cannot declare both docker_image and container_image", lead="")
    job.topping = topping
    job.ad["WantDocker" if topping == "docker" else "WantContainer"] = "true"
    if docker:
        job.text("DockerImage", docker)
    if image:
        job.text("ContainerImage", image)


def set_iwd(job: JobAd) -> None:
    """``initialdir``: the job's folder, which must be there. SubmitError."""
    given = job.macros.get("initialdir", "Iwd") or job.macros.get("initial_dir", "job_iwd")
    folder = full_path(given or job.surroundings.cwd, job.surroundings.cwd)
    if given and not (os.path.isdir(folder) and os.access(folder, os.X_OK)):
        raise SubmitError(f"No such directory: {folder}", lead="")
    job.iwd = folder
    job.text("Iwd", folder)


def set_executable(job: JobAd) -> None:
    """``executable``: absolute when it is transferred, and then it must be there. SubmitError."""
    name = job.macros.get("executable", "Cmd")
    if name is None:
        if job.topping:
            job.text("Cmd", "")
            job.ad["TransferExecutable"] = "false"
            return
        raise SubmitError("No 'executable' parameter was provided", lead="")
    given = job.macros.get("transfer_executable", "TransferExecutable")
    transfer = not (given or "").lower().startswith("f")
    if given is None and job.topping and name[0] == "/":
        transfer = False
    if not transfer:
        job.ad["TransferExecutable"] = "false"
        job.text("Cmd", name)
        return
    path = full_path(name, job.surroundings.cwd)
    job.text("Cmd", path)
    if "$$" not in name:
        check_executable(path, name)


def check_executable(path: str, name: str) -> None:
    """SubmitError when it is not there, empty, a script with DOS line ends, or cannot be read (HTCondor holds such a job later)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise SubmitError(f"Executable file {name} does not exist") from None
    except OSError as error:
        raise SubmitError(f"Executable file {name} cannot be read ({error.strerror})") from None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise SubmitError(f"Executable file {name} is not a regular file")
        if info.st_size == 0:
            raise SubmitError(f"Executable file {name} has zero length")
        first = os.read(fd, 1024)
    finally:
        os.close(fd)
    if first[:2] == b"#!" and first.partition(b"\n")[0].endswith(b"\r"):
        raise SubmitError(
            f"Executable file {name} is a script with CRLF (DOS/Windows) line endings.\nThis generally doesn't work, and you"
            f" should probably run 'dos2unix {name}' -- or a similar tool -- before you resubmit."
        )


def set_arguments(job: JobAd) -> None:
    """``arguments`` in either syntax. SubmitError."""
    given = job.macros.get("arguments", "Args")
    newer = job.macros.get("arguments2")
    if given and newer and not job.is_true("allow_arguments_v1", "allow_arguments_v1", False):
        raise SubmitError(
            "If you wish to specify both 'arguments' and\n'arguments2' for maximal compatibility with different\n"
            "versions of Condor, then you must also specify\nallow_arguments_v1=true.",
            lead="",
        )
    text = newer or given or ""
    try:
        if newer and not syntax.is_v2_quoted(newer):
            raise ArgumentsError("Expecting double-quoted input string (V2 format).")
        words, old = syntax.parse_arguments(text) if text else ([], False)
    except ArgumentsError as error:
        raise SubmitError(f"{error}\nThe full arguments you specified were: {text}", lead="") from None
    if old:
        job.text("Args", " ".join(words))
    else:
        job.text("Arguments", syntax.join_v2(words))


def set_grid(job: JobAd) -> None:
    """``grid_resource``, word for word, and what is a batch job's."""
    if job.universe == GRID:
        job.text("GridResource", job.macros.get("grid_resource", "GridResource") or "")
    if job.grid_type == "batch":
        for row in simple_commands.BATCH:
            job.simple(*row)


def set_environment(job: JobAd) -> None:
    """``environment`` in either syntax, and ``getenv``. SubmitError."""
    text = job.macros.get("environment", "env")
    newer = job.macros.get("environment2")
    if text and newer and not job.is_true("allow_environment_v1", "allow_environment_v1", False):
        raise SubmitError(
            "If you wish to specify both 'environment' and\n'environment2' for maximal compatibility with different\n"
            "versions of Condor, then you must also specify\nallow_environment_v1=true.",
            lead="",
        )
    variables: dict[str, str] = {}
    chosen = newer or text
    try:
        if newer and not syntax.is_v2_quoted(newer):
            raise ArgumentsError("Expecting a double-quoted environment string (V2 format).")
        if chosen:
            variables = syntax.parse_environment(chosen)[0]
    except ArgumentsError as error:
        raise SubmitError(f"{error}\nThe environment you specified was: '{chosen}'", lead="") from None
    wanted = job.macros.get("getenv", "get_env")
    if wanted is not None:
        from shims.jobad.environment import imported

        variables = {**imported(wanted), **variables}
    preferred = None if newer else job.macros.get("env")
    if preferred is None or syntax.is_v2_quoted(preferred):
        job.text("Environment", syntax.join_environment_v2(variables))
        return
    old = syntax.join_environment_v1(variables)
    if old is None:
        raise SubmitError(
            "failed to insert environment into job ad: Environment entry is not compatible with V1 syntax", lead=""
        )
    job.text("Env", old)
    job.text("EnvDelim", ";")
