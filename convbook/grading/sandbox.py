"""The walls around a submission: a bubblewrap sandbox, and a smaller one in it for each notebook.

``command`` wraps the warm process into bubblewrap: Python, its packages and nothing else, read
only, without a network. Processes of one sandbox could still read and signal each other. So each
forked child calls ``enter``: namespaces, a temporary folder and a ``/proc`` of its own, limits, and
no rights. Only the standard library is used here, because the child has nothing else to spare.

Sources: the manual pages bwrap(1), namespaces(7), user_namespaces(7), capabilities(7).
"""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SCRATCH = "/scratch"  # the one folder that a submission may write to; /tmp leads there
NOBODY = 65534  # the user that a submission becomes where the grader runs as root
INSIDE = 1000  # the user that it sees itself as
MB = 1 << 20

NEWNS, NEWUTS, NEWIPC, NEWUSER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
NEWPID, NEWNET = 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAPABILITIES_V3 = 0x20080522


class SandboxError(RuntimeError):
    """There is no sandbox on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """What one notebook may use.

    ``cell`` and ``total``: seconds of wall time, for a cell and in all. ``memory``: bytes, of all
    its processes together. ``disk``: bytes in its temporary folder. ``processes``: processes and
    threads, beyond those that its libraries start.
    """

    cell: float = 60.0
    total: float = 600.0
    memory: int = 4096 * MB
    disk: int = 256 * MB
    processes: int = 256


def check() -> None:
    """See that a sandbox can be made here, and one in it.

    Raises
    ------
    SandboxError : bubblewrap is missing, or this system does not let it work.
    """
    if not sys.platform.startswith("linux") or not shutil.which("bwrap"):
        raise SandboxError(
            "bubblewrap is not here, and without it submissions would run with all your rights.\n"
            "On Debian and Ubuntu: apt-get install bubblewrap. It works on Linux only; elsewhere "
            "use a\nvirtual machine or WSL. --trust-submissions grades without a sandbox: only "
            "for files that you trust."
        )
    code = "from convbook.grading import sandbox; sandbox.trial()"
    done = subprocess.run(
        command([sys.executable, "-c", code]), env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise SandboxError(
            f"bubblewrap is here but makes no sandbox: {reason}\n"
            "Some systems forbid user namespaces. On Ubuntu: "
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0.\n"
            "--trust-submissions grades without a sandbox: only for files that you trust."
        )


def trial() -> None:
    """Fork one child and let it enter; exits with an error where that fails."""
    original = os.open("/proc/self/ns/pid", os.O_RDONLY)
    child = fork(original)
    if child == 0:
        try:
            enter(Limits())
        except OSError as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def environment(threads: int = 0) -> dict[str, str]:
    """The environment of the warm process: nothing of the grader's own but where data lies."""
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "CONVBOOK_BUILD": "1",
        "CONVBOOK_OFFLINE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    places = {"KERAS_HOME": "keras", "MPLCONFIGDIR": "matplotlib", "IPYTHONDIR": "ipython"}
    variables |= {name: f"{SCRATCH}/{folder}" for name, folder in places.items()}
    if "KERAS_BACKEND" in os.environ:
        variables["KERAS_BACKEND"] = os.environ["KERAS_BACKEND"]
    if "CONVBOOK_DATA" in os.environ:
        variables["CONVBOOK_DATA"] = os.path.abspath(os.environ["CONVBOOK_DATA"])  # noqa: PTH100
    if threads:
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        variables |= dict.fromkeys(names, str(threads))
    return variables


def command(program: list[str]) -> list[str]:
    """The command line that runs a program in a sandbox of its own."""
    bwrap = [
        shutil.which("bwrap") or "bwrap",
        "--die-with-parent",
        "--new-session",
        "--unshare-pid",
        "--unshare-net",
    ]
    bwrap += ["--unshare-ipc", "--unshare-uts", "--hostname", "convbook", "--cap-add", "ALL"]
    if os.geteuid():  # root needs no user namespace here, and its children then become nobody
        bwrap += ["--unshare-user", "--uid", "0", "--gid", "0"]
    places = readable()
    for folder in sorted({parent for place in places for parent in place.parents} - {Path("/")}):
        bwrap += ["--perms", "0755", "--dir", str(folder)]
    for place in places:
        bwrap += ["--ro-bind", str(place), str(place)]
    if not any(Path("/tmp") in place.parents for place in places):  # a checkout may lie there
        bwrap += ["--symlink", SCRATCH, "/tmp"]
    bwrap += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", SCRATCH]
    bwrap += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", SCRATCH, "--", *program]
    return bwrap


def readable() -> list[Path]:
    """What a submission may read: the system's libraries, Python, its packages, and the data."""
    package = Path(__file__).resolve().parent.parent
    system = ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib"]
    system += ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"]
    python = [sys.executable, os.path.realpath(sys.executable), sys.prefix]
    if sys.base_prefix not in ("/usr", "/usr/local"):
        python.append(sys.base_prefix)
    python += [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    course = [package, (package / "results").resolve()]
    data = [os.environ["CONVBOOK_DATA"]] if "CONVBOOK_DATA" in os.environ else []
    places = [Path(os.path.abspath(p)) for p in [*system, *python, *course, *data]]  # noqa: PTH100
    there = sorted({place for place in places if place.exists()})
    return [p for p in there if not any(other in p.parents for other in there)]


def fork(original: int) -> int:
    """Fork a child that is the first process of a new pid namespace: with it, all of them end.

    ``original`` is an open ``/proc/self/ns/pid``.
    """
    call("unshare", NEWPID)
    child = os.fork()
    if child:
        call("setns", original, NEWPID)
    return child


def enter(limits: Limits) -> None:
    """Leave everything behind that other submissions could touch. There is no way back.

    Raises
    ------
    OSError : the kernel refuses a step; nothing may be run then.
    """
    call("unshare", NEWNS | NEWIPC | NEWNET | NEWUTS)
    call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    flags, size = MS_NOSUID | MS_NODEV, f"size={limits.disk},nr_inodes=10000,mode=1777".encode()
    call("mount", b"tmpfs", SCRATCH.encode(), b"tmpfs", flags, size)
    call("mount", b"tmpfs", b"/dev/shm", b"tmpfs", flags, size)
    call("mount", b"proc", b"/proc", b"proc", flags | MS_NOEXEC, None)
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)  # the only way to a writable /proc
    call("umount2", b"/proc", MNT_DETACH)
    call("mount", b"proc", b"/proc", b"proc", flags | MS_NOEXEC | MS_RDONLY, None)
    uid, gid = os.geteuid(), os.getegid()
    if is_root(proc):
        uid = gid = NOBODY
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
    call("unshare", NEWUSER)
    put(proc, "self/setgroups", "deny")
    put(proc, "self/uid_map", f"{INSIDE} {uid} 1")
    put(proc, "self/gid_map", f"{INSIDE} {gid} 1")
    put(proc, "sys/user/max_user_namespaces", "0")
    os.close(proc)
    set_limits(limits)
    drop_rights()
    os.chdir(SCRATCH)


def is_root(proc: int) -> bool:
    """True if user 0 of this namespace is the machine's root, not a user mapped to it."""
    file = os.open("self/uid_map", os.O_RDONLY, dir_fd=proc)
    try:
        return os.read(file, 1000).split() == [b"0", b"0", b"4294967295"]
    finally:
        os.close(file)


def set_limits(limits: Limits) -> None:
    """The kernel's own limits, for this process and all that it starts."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))
    cores = os.cpu_count() or 1
    values = {
        resource.RLIMIT_DATA: used + limits.memory,
        resource.RLIMIT_CPU: int(limits.total * cores) + 1,
        resource.RLIMIT_FSIZE: limits.disk,
        resource.RLIMIT_NPROC: limits.processes + 16 * cores,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 64 * MB,
    }
    for kind, value in values.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def drop_rights() -> None:
    """Give up every capability, and the means to gain any."""
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in range(64):
        if LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # the kernel knows no more of them
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0)
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)  # its own children must not write into its memory
    call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments) -> None:
    """A function of the C library; OSError names it where it fails."""
    if getattr(LIBC, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def put(folder: int, path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)
