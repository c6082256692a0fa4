"""Build ``foremen.engine.workqueue._workqueue``, the extension that links Work Queue: ``python -m foremen.engine.workqueue.build``.

cffi in API mode: the C compiler reads the installed headers, so structures and constants are those of the installed
CCTools, whatever its release. The result goes next to the package (or to ``--output``) and carries a stamp of what it
was built from; a second run finds the stamp and does nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from foremen.engine.errors import BuildError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "foremen.engine.workqueue._workqueue"
_STAMP = "awq-workqueue-stamp:"
_REMEDY = "install it (apt-get install coop-computing-tools-dev) or set CCTOOLS to its prefix"

# From work_queue.h; "..." lets the compiler fill in sizes and offsets. Enumerations are passed as int.
_CDEF = """
typedef int... timestamp_t;
struct work_queue;
struct work_queue_task {
    int taskid; int return_status; int result; int try_count;
    char *output; char *hostname;
    timestamp_t time_when_commit_start; timestamp_t time_when_commit_end; timestamp_t time_when_retrieval;
    timestamp_t time_workers_execute_last;
    int64_t bytes_received; int64_t bytes_sent;
    ...;
};
struct work_queue_stats {
    int workers_connected; int workers_init; int workers_joined; int workers_removed;
    int tasks_waiting; int tasks_on_workers; int tasks_dispatched;
    int64_t total_cores; int64_t total_memory; int64_t total_disk; int64_t committed_cores;
    ...;
};
#define WORK_QUEUE_INPUT ...
#define WORK_QUEUE_OUTPUT ...
#define WORK_QUEUE_NOCACHE ...
#define WORK_QUEUE_CACHE ...
#define WORK_QUEUE_TASK_READY ...
#define WORK_QUEUE_TASK_RUNNING ...
struct work_queue *work_queue_create(int port);
void work_queue_delete(struct work_queue *q);
int work_queue_port(struct work_queue *q);
void work_queue_specify_name(struct work_queue *q, const char *name);
void work_queue_specify_catalog_server(struct work_queue *q, const char *hostname, int port);
int work_queue_specify_password_file(struct work_queue *q, const char *file);
int work_queue_submit(struct work_queue *q, struct work_queue_task *t);
struct work_queue_task *work_queue_cancel_by_taskid(struct work_queue *q, int id);
int work_queue_task_state(struct work_queue *q, int taskid);
void work_queue_get_stats(struct work_queue *q, struct work_queue_stats *s);
void work_queue_get_stats_hierarchy(struct work_queue *q, struct work_queue_stats *s);
void work_queue_enable_process_module(struct work_queue *q);
void work_queue_broadcast_message(struct work_queue *q, const char *message);
int work_queue_tune(struct work_queue *q, const char *name, double value);
struct work_queue_task *work_queue_task_create(const char *full_command);
void work_queue_task_delete(struct work_queue_task *t);
int work_queue_task_specify_file(struct work_queue_task *t, const char *local_name, const char *remote_name,
                                 int type, int flags);
void work_queue_task_specify_cores(struct work_queue_task *t, int cores);
void work_queue_task_specify_memory(struct work_queue_task *t, int64_t memory);
void work_queue_task_specify_disk(struct work_queue_task *t, int64_t disk);
void work_queue_task_specify_gpus(struct work_queue_task *t, int gpus);
void work_queue_task_specify_priority(struct work_queue_task *t, double priority);
void work_queue_task_specify_environment_variable(struct work_queue_task *t, const char *name, const char *value);
void awq_version(char *text, size_t size);
void awq_use_gate(int gate, int listener);
int awq_gate_used(void);
int awq_write_error(void);
int awq_flush(void);
void awq_index(struct work_queue *q);
struct work_queue_task *awq_wait(struct work_queue *q, int seconds);
void awq_offer(int yes);
int awq_spoken(void);
"""

# Where the library leaves us no choice, the linker's --wrap gives us one. When an output cannot be written here (disk full), it drops
# the worker or foreman that sent it, with all that runs there, and again at every new try: our link_stream_to_fd() reads
# such a file to its end and removes what there is of it, so that the task ends and its output is missing. It sends a task in
# some thirty messages, each a system call and a packet that wakes who gets it: what goes to one worker without a pause is held,
# and sent when the library waits, reads, turns to another worker, or comes back to us.
_SOURCES = ("../../native/gate.c", "base.c", "wraps/wait_index.c", "wraps/offer_filter.c")
_GATE = ("bind", "listen", "accept", "getsockname")
_HELD = ("link_putlstring", "link_write", "link_stream_from_fd")  # what sends
_SENT_BEFORE = ("link_readline", "link_read", "link_soak", "link_usleep", "link_close")
_TABLES = tuple(f"itable_{name}" for name in ("firstkey", "nextkey", "lookup", "insert", "remove"))
_REPORTS = ("jx_object", "jx_array", "rmsummary_print_string")
_WAITING = ("link_poll", *[f"cctools_list_{name}" for name in ("push_priority", "first_item", "next_item")])
_WRAPPED = (
    *_GATE,  # ../../native/gate.c says why
    "open", "link_stream_to_fd", "check_disk_space_for_filesize",
    *_HELD, *_SENT_BEFORE,
    *_TABLES, *_REPORTS,  # wraps/wait_index.c says why
    *_WAITING,  # wraps/offer_filter.c says why
)  # fmt: skip
_WRAPS = tuple([f"-Wl,--wrap={name}" for name in _WRAPPED])


class Cctools:
    """The installed CCTools under ``prefix``. BuildError when a part is missing."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.include = self._find("include/cctools", "work_queue.h")
        self.header = os.path.join(self.include, "work_queue.h")
        self.lib = self._find("lib", "libwork_queue.a")
        self.archives = [
            f"{self.lib}/lib{name}.a"
            for name in ("work_queue", "batch_job", "chirp", "dttools")
            if os.path.exists(f"{self.lib}/lib{name}.a")
        ]

    def _find(self, folder: str, name: str) -> str:
        for place in (folder, folder + "64") if folder == "lib" else (folder,):
            if os.path.exists(os.path.join(self.prefix, place, name)):
                return os.path.join(self.prefix, place)
        raise BuildError(f"no CCTools library for programs in {self.prefix} ({folder}/{name} is missing): {_REMEDY}")

    def results(self) -> list[str]:
        """The names of the header's ``WORK_QUEUE_RESULT_*`` constants: they differ between releases."""
        with open(self.header, encoding="utf-8", errors="replace") as file:
            return re.findall(r"^\s*(WORK_QUEUE_RESULT_\w+)\s*=", file.read(), re.MULTILINE)

    def fingerprint(self) -> str:
        """What tells this installation from another: the files with their sizes and times."""
        stats = [(path, os.stat(path)) for path in (self.header, *self.archives)]
        return repr([(path, info.st_size, info.st_mtime_ns) for path, info in stats])


def cdef(tools: Cctools) -> str:
    """The declarations for cffi, with the result codes that this release has."""
    return _CDEF + "".join(f"#define {name} ...\n" for name in tools.results())


def source() -> str:
    """The extension's own C, one file behind the other, with ``@STAMP@`` where the stamp goes."""
    folder = os.path.dirname(os.path.abspath(__file__))
    texts = []
    for name in _SOURCES:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts.append(f'#line 1 "{name}"\n{file.read()}')
    return "".join(texts)


def stamp(tools: Cctools) -> str:
    """A line that changes whenever the extension has to be built anew."""
    facts = (cdef(tools), source(), tools.fingerprint(), sys.version, sysconfig.get_config_var("EXT_SUFFIX"))
    return _STAMP + hashlib.sha256(repr(facts).encode()).hexdigest()


def extension_path(output: str) -> str:
    """Where the extension of this Python lies in ``output``."""
    return os.path.join(output, NAME.rpartition(".")[2] + str(sysconfig.get_config_var("EXT_SUFFIX")))


def is_current(path: str, wanted: str) -> bool:
    """Whether the extension at ``path`` carries the stamp ``wanted``."""
    try:
        with open(path, "rb") as file:
            return wanted.encode() in file.read()
    except FileNotFoundError:
        return False


def build(output: str, prefix: str) -> bool:
    """Build into the folder ``output`` against the CCTools in ``prefix``; False when it was built already."""
    tools = Cctools(prefix)
    wanted, target = stamp(tools), extension_path(output)
    if is_current(target, wanted):
        return False
    with tempfile.TemporaryDirectory(prefix="awq-build-") as folder:
        source = os.path.join(folder, "_workqueue.c")
        built = os.path.join(folder, os.path.basename(target))
        _write_source(source, tools, wanted)
        _run(_compiler_command(tools, source, built), f"CCTools in {prefix} does not fit")
        _run([sys.executable, "-c", _LOAD, built], f"CCTools in {prefix} does not fit")
        aside = f"{target}.{os.getpid()}"
        try:
            shutil.copyfile(built, aside)
            os.replace(aside, target)
        except OSError as error:
            raise BuildError(
                f"cannot write {target}: {error.strerror}; build as the owner of the installation"
            ) from None
    return True


_LOAD = "import sys, importlib.machinery as m; m.ExtensionFileLoader('_workqueue', sys.argv[1]).create_module(" \
    "m.ModuleSpec('_workqueue', None, origin=sys.argv[1]))"  # fmt: skip


def _write_source(path: str, tools: Cctools, wanted: str) -> None:
    try:
        from cffi import FFI
    except ImportError:
        raise BuildError("the Python package cffi is missing: pip install cffi") from None
    ffi = FFI()
    ffi.cdef(cdef(tools))
    ffi.set_source(NAME, source().replace("@STAMP@", wanted))
    with contextlib.redirect_stdout(io.StringIO()):
        ffi.emit_c_code(path)  # it says what it does


def _compiler_command(tools: Cctools, source: str, target: str) -> list[str]:
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise BuildError("no C compiler (cc or gcc) on PATH: apt-get install gcc")
    headers = sysconfig.get_paths()["include"]
    if not os.path.exists(os.path.join(headers, "Python.h")):
        raise BuildError(f"no Python.h in {headers}: apt-get install python3-dev")
    command = [*compiler.split(), "-O2", "-shared", "-fPIC", *_WRAPS, f"-I{tools.include}", f"-I{headers}"]
    command += [source, "-o", target, "-Wl,--start-group", *tools.archives, "-Wl,--end-group", "-Wl,--as-needed"]
    return command + [f"-l{name}" for name in ("m", "z", "ssl", "crypto") if _has_library(compiler, name)]


def _has_library(compiler: str, name: str) -> bool:
    """Whether the linker knows the library; cc prints the bare name back when it does not."""
    try:
        told = subprocess.run(
            [*compiler.split(), f"-print-file-name=lib{name}.so"], stdout=subprocess.PIPE, text=True, check=False
        )
    except OSError as error:
        raise BuildError(f"cannot run the C compiler {compiler}: {error.strerror}; apt-get install gcc") from None
    return os.path.isabs(told.stdout.strip())


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if re.search(r"error|undefined|cannot find", line, re.I)]
        reason = (lines or done.stdout.splitlines() or ["no reason given"])[-1 if not lines else 0].strip()
        raise BuildError(f"{failure}: {reason}; {_REMEDY}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when the extension is there, 1 and one sentence on stderr when it cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m foremen.engine.workqueue.build", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--output", default=os.path.dirname(os.path.abspath(__file__)), help="folder for the extension")
    options = parser.parse_args(arguments)
    try:
        done = build(options.output, os.environ.get("CCTOOLS") or "/usr")
    except BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    sys.stdout.write(f"{'built' if done else 'up to date:'} {extension_path(options.output)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
