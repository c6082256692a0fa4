"""Commands run by the fork server: as in a process of their own, once, and by themselves where that cannot be."""

from __future__ import annotations

import ast
import json
import os
import pty
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine_rig as rig
from forkserving import ALONE, ROOT, SERVED, Site, alike

from foremen.native import build
from shims.forkserver import client_identity, modules, server
from spool.store.layout import Spool


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The launcher, compiled."""
    target = tmp_path_factory.mktemp("launcher") / "launcher"
    problem = build.compiled(build.musl() or "cc", str(ROOT / "shims/forkserver/launcher.c"), str(target))
    assert not problem, f"{problem}; remedy: scripts/packages"
    return target.read_bytes()


@pytest.fixture
def site(tmp_path: Path, spool: Spool, launcher: bytes) -> Iterator[Site]:
    """A site whose server listens."""
    made = Site(tmp_path, spool, launcher)
    made.start()
    yield made
    if made.server is not None and made.server.poll() is None:
        os.kill(made.server.pid, signal.SIGCONT)
    made.stop()


# --- as in a process of its own --------------------------------------------------------------------------------------


def test_words_and_environment_byte_by_byte(site: Site) -> None:
    """Letters that are no UTF-8, empty words, newlines, an equals sign in a value."""
    env = {os.fsencode(name): os.fsencode(value) for name, value in site.environment().items()}
    alike(
        site, "", "a b", "\udcff\n", "--", env={**env, b"ODD": b"\xff=\n", b"EMPTY": b"", b"\xc3\xa4": b"x" * 100_000}
    )


@pytest.mark.parametrize("chosen", [
    {}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "C.UTF-8"}, {"LANG": "xx_YY.UTF-8"}, {"LC_CTYPE": "C.UTF-8", "LANG": "C"},
    {"TZ": "America/New_York"}, {"TZ": "AAA-5"}, {"PYTHONPATH": "/nowhere", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin1"},
])  # fmt: skip
def test_locale_and_time_zone(site: Site, chosen: dict[str, str]) -> None:
    """The streams treat letters, and the clock its zone, as the client's environment says."""
    alike(site, env=site.environment(**chosen))


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams(site: Site, closed: tuple[int, ...]) -> None:
    """A stream that is closed cannot be handed over: the command runs by itself."""
    streams: dict[str, Any] = {"stdout": None, "stderr": None}
    alike(site, preexec_fn=lambda: [os.close(fd) for fd in closed], expected=ALONE, **streams)


def test_folder_mask_niceness_limits(site: Site, tmp_path: Path) -> None:
    """What a process inherits beside its descriptors."""

    def inherit() -> None:
        os.umask(0o027)
        os.nice(3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 21))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    folder = tmp_path / "a folder \udce4"
    folder.mkdir()
    alike(site, preexec_fn=inherit, cwd=folder)


def test_folder_that_was_removed(site: Site, tmp_path: Path) -> None:
    """A working folder without a name."""
    folder = tmp_path / "gone"
    alike(site, preexec_fn=lambda: (folder.mkdir(), os.chdir(folder), folder.rmdir()))


def test_streams_carry_text_and_status(site: Site) -> None:
    """stdin, stdout, stderr, exit status; bytes that are no text in an ASCII locale pass."""
    wanted = (3, "GRÜSSE".encode() + b"\xff", b"caf\\udce9\n")
    assert site.run("copy", "grüße".encode() + b"\xff", AWQ_FORKSERVER="0") == wanted
    assert site.run("copy", "grüße".encode() + b"\xff") == wanted


@pytest.mark.parametrize(
    ("probe", "status", "shows"), [("raise", 1, b"ValueError: no such thing"), ("exit", 5, b""), ("children", 7, b"")]
)
def test_ends_as_python_does(site: Site, probe: str, status: int, shows: bytes) -> None:
    """A traceback, SystemExit, and children whose end the command learns."""
    for switch in ("0", "1"):
        done = site.run(probe, AWQ_FORKSERVER=switch)
        assert done[0] == status, switch
        assert shows in done[2]


def test_long_streams(site: Site) -> None:
    """More than any buffer holds."""
    text = b"0123456789abcde\n" * 200_000
    assert site.run("copy", text)[:2] == (3, text.upper())


def test_nobody_reads(site: Site) -> None:
    """A reader that leaves ends the command as it does elsewhere."""
    with site.popen("condor_submit", "-help", env=site.environment()) as command:
        assert command.stdout is not None
        command.stdout.close()
        assert command.wait(60) == 0  # condor_submit does not mind


def test_loads_no_threads() -> None:
    """``threading`` looks at itself after each fork, at the cost of half a command."""
    code = "from shims.forkserver import server; server._load(); import sys; "
    code += "print([name in sys.modules for name in sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, "threading", "shims.commands.condor.condor_submit"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[False, True]\n"


def test_every_command_has_a_main() -> None:
    """The list names modules of ours."""
    for name in server.COMMANDS:
        assert (ROOT / "shims/commands/condor" / f"{name}.py").exists()


# --- signals ---------------------------------------------------------------------------------------------------------


def sleeping(site: Site, **options: Any) -> tuple[subprocess.Popen[bytes], int]:
    """A command that sleeps in the server's child; the launcher, and the child's number."""
    site.sign.unlink(missing_ok=True)
    command = site.popen(env=site.environment(PROBE="sleep"), **options)
    number = int(rig.until(lambda: site.sign.exists() and site.sign.read_text().strip(), "the command's sign"))
    assert number != command.pid
    return command, number


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)]
)
def test_signals_reach_the_command(site: Site, number: int, status: int) -> None:
    """And the launcher ends as the command would have."""
    # Whoever runs the tests by nohup has them ignore it.
    command, child = sleeping(site, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    assert Path(f"/proc/{child}/comm").read_text() == "condor_probe\n"
    command.send_signal(number)
    command.communicate(timeout=60)
    assert command.returncode == status
    rig.until(lambda: not rig.alive(child), "the child's end")


def test_a_session_for_each_command(site: Site) -> None:
    """Linux shares the CPU among sessions: fifty commands in the session of the master would have the share of one pilot."""
    commands = [sleeping(site) for _ in range(2)]
    assert [os.getsid(child) for _, child in commands] == [child for _, child in commands]
    for command, _ in commands:
        command.kill()
        command.communicate(timeout=60)


def test_a_master_in_the_background(site: Site) -> None:
    """A shell without job control starts it with signals ignored; its fork server's children do not ignore them."""
    site.stop_server()
    site.start(
        preexec_fn=lambda: [
            signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
        ]
    )
    alike(site)
    for number, status in ((signal.SIGINT, 130), (signal.SIGQUIT, -signal.SIGQUIT)):
        command, child = sleeping(site)
        command.send_signal(number)
        command.communicate(timeout=60)
        assert command.returncode == status
        rig.until(lambda pid=child: not rig.alive(pid), "the child's end")


def test_kill_of_the_launcher_ends_the_command(site: Site) -> None:
    """Who kills what he started does not want it to go on."""
    command, child = sleeping(site)
    command.kill()
    command.communicate(timeout=60)
    rig.until(lambda: not rig.alive(child), "the child's end")


def test_kill_of_the_command_ends_the_launcher_alike(site: Site) -> None:
    """It did not run to its end, and is not run again."""
    command, child = sleeping(site)
    os.kill(child, signal.SIGKILL)
    command.communicate(timeout=60)
    assert command.returncode == -signal.SIGKILL


def test_ignored_signals_stay_ignored(site: Site) -> None:
    """nohup: what ends neither the launcher nor a command by itself does not end the child."""
    command, child = sleeping(site, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    command.send_signal(signal.SIGHUP)
    command.send_signal(signal.SIGTERM)
    command.communicate(timeout=60)
    assert command.returncode == -signal.SIGTERM
    rig.until(lambda: not rig.alive(child), "the child's end")


def test_commands_outlive_the_server(site: Site) -> None:
    """A master that ends does not end what its fork server's children do."""
    command, child = sleeping(site)
    site.stop_server()
    assert rig.alive(child)
    command.terminate()
    command.communicate(timeout=60)
    assert command.returncode == -signal.SIGTERM


# --- by itself where it must be ---------------------------------------------------------------------------------------


def test_no_server(site: Site) -> None:
    """None listens, or has left its socket."""
    assert site.server is not None
    site.server.kill()
    site.server.wait()
    assert os.path.exists(site.spool.commands_socket)
    assert site.way() == ALONE
    os.unlink(site.spool.commands_socket)
    assert site.way() == ALONE


def test_server_takes_its_socket_along(site: Site) -> None:
    """But not that of the next one."""
    first = site.server
    site.start()
    assert first is not None
    assert first.stdin is not None
    first.stdin.close()
    assert first.wait(30) == 0
    assert site.way() == SERVED
    site.stop_server()
    assert not os.path.exists(site.spool.commands_socket)


def test_switched_off(site: Site) -> None:
    """By the setting's name in the environment."""
    assert site.way() == SERVED
    for value in ("0", "no", "False", "OFF"):
        assert site.way(env=site.environment(AWQ_FORKSERVER=value)) == ALONE


@pytest.mark.parametrize("value", ["", "relative", "/nowhere/at/all"])
def test_no_spool(site: Site, value: str) -> None:
    """Without a spool's path there is no server to ask."""
    assert site.way(env=site.environment(AWQ_WORKDIR=value)) == ALONE


def test_open_spool(site: Site) -> None:
    """Where others could put a socket nobody is asked."""
    os.chmod(site.spool.root, 0o711)
    assert site.way() == ALONE


def test_link_in_the_spools_place(site: Site, tmp_path: Path) -> None:
    """It may lead elsewhere a moment later."""
    (tmp_path / "link").symlink_to(site.spool.root)
    assert site.way(env=site.environment(AWQ_WORKDIR=str(tmp_path / "link"))) == ALONE


@pytest.mark.parametrize("word", ["/dev/fd/63", "file=/proc/self/fd/3"])
def test_words_that_name_descriptors(site: Site, word: str) -> None:
    """The shell's ``<(...)`` is a descriptor of the launcher's."""
    assert site.way(word) == ALONE


def test_process_substitution(site: Site) -> None:
    """As people use it."""
    done = subprocess.run(
        ["bash", "-c", f"{site.prefix}/bin/condor_submit -terse <(printf 'executable=/bin/true\\nqueue 3\\n')"],
        env=site.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("1.0 - 1.2\n", "", 0)


def test_terminal(site: Site) -> None:
    """It belongs to the client's session."""
    above, below = pty.openpty()
    try:
        assert site.way(stdin=below) == ALONE
    finally:
        os.close(above)
        os.close(below)


@pytest.mark.parametrize("flag", ["--mount", "--net", "--uts", "--pid"])
def test_other_namespaces(site: Site, flag: str) -> None:
    """Another view of the machine: the same names may mean other things."""
    command = ["unshare", flag, *(["--fork"] if flag == "--pid" else []), str(site.prefix / "bin/condor_probe")]
    done = subprocess.run(command, env=site.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0, f"{done.stderr.decode()}: run the tests as root, or with: unshare -rm"
    assert json.loads(site.sign.read_text())["way"] == str(site.prefix / "lib/commands/condor_probe")


def test_other_groups(site: Site) -> None:
    """Files may be open to the client that are not to the server."""
    assert site.way(extra_groups=[12345]) == ALONE


def test_fewer_capabilities(site: Site) -> None:
    """What root gave up is not to be had from a child of root's."""
    weak = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    command = [*weak, str(site.prefix / "bin/condor_probe")]
    subprocess.run(command, env=site.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert json.loads(site.sign.read_text())["way"] == str(site.prefix / "lib/commands/condor_probe")


FILTER = """
import ctypes, os, struct, sys
allow = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)  # BPF_RET: SECCOMP_RET_ALLOW
program = ctypes.create_string_buffer(allow)
fprog = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.create_string_buffer(fprog), 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_filtered_system_calls(site: Site) -> None:
    """A child would not be held by the client's filter."""
    command = [sys.executable, "-c", FILTER, str(site.prefix / "bin/condor_probe")]
    subprocess.run(command, env=site.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert json.loads(site.sign.read_text())["way"] == str(site.prefix / "lib/commands/condor_probe")


def test_higher_priority(site: Site) -> None:
    """A child cannot become more urgent than the server, as a rule."""
    assert site.way(preexec_fn=lambda: os.setpriority(os.PRIO_PROCESS, 0, -3)) == ALONE


def test_other_installation(site: Site, tmp_path: Path, launcher: bytes) -> None:
    """Commands of another release are not run by this one's server."""
    other = tmp_path / "other"
    (site.prefix / "lib").rename(tmp_path / "lib")
    (other / "bin").mkdir(parents=True)
    (tmp_path / "lib").rename(other / "lib")
    (site.prefix / "lib").mkdir()
    os.link(other / "lib/installed", site.prefix / "lib/installed")
    (other / "bin/condor_probe").write_bytes(launcher)
    (other / "bin/condor_probe").chmod(0o755)
    site.prefix = other
    assert site.way() == ALONE


@pytest.mark.parametrize("change", ["replaced", "missing"])
def test_installed_anew(site: Site, change: str) -> None:
    """The server ends with status 0: its master starts one that loads what is installed now."""
    stamp = site.prefix / "lib/installed"
    stamp.unlink()
    if change == "replaced":
        (site.prefix / "lib/new").write_text("second")
        (site.prefix / "lib/new").rename(stamp)
    assert site.way() == ALONE
    assert site.server is not None
    assert site.server.wait(30) == 0


def test_unknown_command(site: Site, launcher: bytes) -> None:
    """A launcher without its command says what is missing."""
    (site.prefix / "bin/condor_what").write_bytes(launcher)
    (site.prefix / "bin/condor_what").chmod(0o755)
    with site.popen("condor_what") as command:
        _, err = command.communicate(timeout=60)
    assert command.returncode == 127
    missing = f"{site.prefix}/lib/commands/condor_what: No such file or directory"
    assert err.decode() == f"condor_what: cannot run {missing} (scripts/install mends it)\n"


@pytest.mark.parametrize("switch", ["0", "1"])
def test_called_by_another_name(site: Site, tmp_path: Path, switch: str) -> None:
    """By a link from elsewhere, with whatever the caller takes for its name: as a script, it is what its file is."""
    (tmp_path / "link").symlink_to(site.prefix / "bin/condor_submit")
    done = subprocess.run(
        ["anything"], executable=tmp_path / "link", env=site.environment(AWQ_FORKSERVER=switch), input=b"queue\n",
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"ERROR: No 'executable' parameter was provided\n")


# --- once ------------------------------------------------------------------------------------------------------------


def test_a_server_that_hangs_costs_two_seconds_and_runs_nothing_twice(site: Site) -> None:
    """What waits in its socket when it goes on is a request that nobody stands behind any more."""
    assert site.server is not None
    os.kill(site.server.pid, signal.SIGSTOP)
    began = time.monotonic()
    runs = Path(f"{site.sign}.runs")
    assert site.run("count", SIGN=str(runs))[0] == 0
    assert 1.5 < time.monotonic() - began < 20
    assert runs.read_text() == "ran\n"
    os.kill(site.server.pid, signal.SIGCONT)
    assert site.way() == SERVED  # after the request that waited before it
    assert runs.read_text() == "ran\n"


def test_a_submission_is_made_once(site: Site) -> None:
    """By many at a time, too."""
    text = b"executable = /bin/true\nqueue 2\n"
    commands = [site.popen("condor_submit", "-terse", stdin=subprocess.PIPE) for _ in range(40)]
    for command in commands:
        assert command.stdin is not None
        command.stdin.write(text)
        command.stdin.close()
    said = sorted(command.stdout.read().decode() for command in commands if command.stdout is not None)
    assert [command.wait(60) for command in commands] == [0] * 40
    assert said == sorted(f"{cluster}.0 - {cluster}.1\n" for cluster in range(1, 41))
    assert len(os.listdir(site.spool.queue)) == 40
    assert site.said() == ""


# --- nothing that the client does not have ---------------------------------------------------------------------------

KEY = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(250, 1, None) > 0  # KEYCTL_JOIN_SESSION_KEYRING
assert libc.syscall(248, b"user", b"ticket", b"secret", 6, -3) > 0  # add_key, to the session
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("confine", "why"),
    [
        (["setpriv", "--no-new-privs"], "no_new_privs"), (["taskset", "1"], "Cpus_allowed"),
        (["choom", "-n", "500", "--"], "oom_score_adj"),
        (["setpriv", "--bounding-set=-sys_boot"], "CapPrm"), (["unshare", "--ipc"], "ipc namespace"),
        (["unshare", "--cgroup"], "cgroup namespace"), (["unshare", "--time", "--fork"], "time namespace"),
        (["chrt", "--batch", "0"], "scheduling"), (["ionice", "-c3"], "scheduling"), (["setarch", "-R"], "personality"),
        (["prlimit", "--core=1000000"], "limits"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else words,
)  # fmt: skip
def test_a_client_that_is_confined_stays_so(site: Site, confine: list[str], why: str) -> None:
    """Whatever the kernel shows of it and a child would not have; the reason is told to the operator."""
    if why == "limits":
        site.stop_server()
        site.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
    command = [*confine, str(site.prefix / "bin/condor_probe")]
    done = subprocess.run(command, env=site.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(site.sign.read_text())["way"] == str(site.prefix / "lib/commands/condor_probe")
    state = site.state_with("Alone", "1")
    assert state["Why"] == f'"{why} (1)"'
    assert why in site.said()
    assert site.way() == SERVED


def test_a_client_with_tickets_in_its_session_keyring_keeps_them(site: Site) -> None:
    """No child would find them."""
    command = [sys.executable, "-c", KEY, str(site.prefix / "bin/condor_probe")]
    subprocess.run(command, env=site.environment(), stdin=subprocess.DEVNULL, check=True)
    assert json.loads(site.sign.read_text())["way"] == str(site.prefix / "lib/commands/condor_probe")


def test_a_connection_whose_maker_has_gone_is_not_served(tmp_path: Path) -> None:
    """Whoever holds it now, or has the number of its maker now, is somebody else."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        code = "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); os.fork() or input()"
        maker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "socket")], stdin=subprocess.PIPE)
        connection, _ = listener.accept()
        peer = client_identity.hold(connection)
        peer.check()
        assert peer.pid == maker.pid
        maker.wait(30)  # its child keeps the connection
        with pytest.raises(OSError):
            peer.check()
        with pytest.raises(OSError):
            client_identity.hold(connection)
        peer.close()
        assert maker.stdin is not None
        maker.stdin.close()
        connection.close()


def test_a_master_that_is_nice_says_why_commands_are_slow(site: Site) -> None:
    """Children cannot be less nice than it is."""
    site.stop_server()
    site.start(preexec_fn=lambda: os.nice(5))
    assert site.way() == ALONE
    assert site.state_with("Alone", "1")["Why"] == '"niceness (1)"'
    assert "start by themselves, slower" in site.said()


def test_stop_and_go_on(site: Site) -> None:
    """SIGSTOP of the launcher stops the command, SIGCONT has it go on."""
    command, number = sleeping(site)
    command.send_signal(signal.SIGSTOP)
    rig.until(lambda: state_of(number) == "T", "the command to be stopped")
    command.send_signal(signal.SIGCONT)
    rig.until(lambda: state_of(number) == "S", "the command to go on")
    command.kill()
    command.communicate()


def state_of(pid: int) -> str:
    """As ps shows it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def test_silent_clients_cost_nobody_an_exit_status(site: Site) -> None:
    """More of them than there may be children: the others' commands end as ever, by themselves."""
    silent = []
    for _ in range(300):
        one = socket.socket(socket.AF_UNIX)
        one.connect(site.spool.commands_socket)
        silent.append(one)
    commands = [site.popen(env=site.environment(PROBE="exit")) for _ in range(40)]
    ended = [command.communicate(timeout=60) and command.returncode for command in commands]
    for one in silent:
        one.close()
    assert ended == [5] * 40
    rig.until(lambda: "AWQ_COMMANDS" in Path(site.spool.commands_state).read_text(), "the reason")
    rig.until(lambda: site.way() == SERVED, "children to be had again")


def test_a_child_that_ends_before_it_begins_has_done_nothing(site: Site) -> None:
    """The launcher has said go, and hears no answer: it runs the command itself, once."""
    site.stop_server()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(site.spool.commands_socket)
        listener.listen()
        command = site.popen(env=site.environment(PROBE="count"))
        connection, _ = listener.accept()
        connection.sendall(struct.pack("=i", 1 << 22))
        connection.recv(1 << 20)
        connection.sendall(b"r")
        while connection.recv(1 << 20) != b"g":
            pass
        connection.close()
        assert command.wait(60) == 0
    assert site.sign.read_text() == "ran\n"


def test_the_list_of_modules_is_what_the_commands_import() -> None:
    """At once or later; nothing else is loaded, and nothing is missing."""
    wanted: set[str] = set()
    waiting = [f"shims.commands.condor.{name}" for name in server.COMMANDS]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += _imports(_source(name))
    packages = {name for name in wanted if _source(name).name == "__init__.py"}
    assert sorted(wanted - packages) == sorted(modules.MODULES)


def _source(name: str) -> Path:
    path = ROOT / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imports(path: Path) -> set[str]:
    """Modules of ours that a file imports anywhere, but for its annotations."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *[f"{node.module}.{alias.name}" for alias in node.names]}
        waiting += ast.iter_child_nodes(node)
    return {name for name in found if name.partition(".")[0] in ("shims", "spool") and _source(name).exists()}
