"""The file system of a case; standard library only, for the launcher.

Its root is an empty tmpfs with the programs of the system, read-only, what the client needs of the
user's files, and a private home. The user's homes, the temporary folders, the sockets in `/run` and
the folder of the run are not in it: what is not mounted cannot be read, written or connected to.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from authprobe.clients.process import kernel, limits

HOME = "/sandbox/home"
"""Home of every case: the same in each, so that no text differs by it."""
CA_FILE = "/sandbox/ca.pem"
BASE = "/usr"
"""Any folder: the new root is mounted on it until it is the root."""
OLD_ROOT = "/.old"
USER_NAME = "authprobe"
ACCOUNTS = "/etc"
"""Folder of the files that name the user and the machine, in the new root."""

SYSTEM_FOLDERS = (
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/opt"),
    *("/nix/store", "/gnu/store", "/run/current-system", "/home/linuxbrew/.linuxbrew"),
)
"""Programs and libraries, of Linux distributions and of package managers beside them."""
PROGRAM_FOLDERS = (
    *("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/bin", "/usr/local/lib", "/usr/sbin"),
    "/usr/share",
)
"""Folders that stay in sight even if the user works in one."""
SYSTEM_FILES = tuple(
    f"/etc/{name}"
    for name in (
        *("alternatives", "ca-certificates", "crypto-policies", "fonts", "ld.so.cache"),
        *("ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "os-release"),
        *("pki/ca-trust", "pki/tls/cert.pem", "pki/tls/certs", "pki/tls/openssl.cnf"),
        *("protocols", "services", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf"),
        *("terminfo", "timezone"),
    )
)
"""Files of `/etc` that programs read: no accounts, passwords, keys or settings of services."""
DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    "stderr": "/proc/self/fd/2",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
}
HIDDEN_PROC_FILES = ("keys", "key-users", "kpagecount", "kpageflags", "timer_list")
"""Files of `/proc` that no namespace limits to this case: names of the user's keys, and others."""
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - that of the new root
TEMPORARY_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - those of the new root


def enter(
    *,
    ca_file: str | None,
    visible: Sequence[str],
    writable: Sequence[str],
    hidden: Sequence[str],
) -> int:
    """Move this process to a new root, and return a descriptor of the home in it.

    `visible` and `writable` are files and folders of the user that appear at their own paths;
    `hidden` ones do not appear, although they are in a folder of the system. This process must be
    the first one of new mount, PID and user namespaces.

    Raises:
        OSError: the system does not allow it, or a path does not exist.
    """
    # Links are followed now: in the new root they would lead to its own files.
    shown = [os.path.realpath(path) for path in (*visible, *writable)]
    covered = [path for path in map(os.path.realpath, hidden) if _is_in_system(path)]
    ca_source = None if ca_file is None else os.path.realpath(ca_file)
    umask = os.umask(0o022)

    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", BASE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=4m,mode=755")
    os.chdir(BASE)
    Path(OLD_ROOT.lstrip("/")).mkdir()
    kernel.pivot_root(".", OLD_ROOT.lstrip("/"))
    os.chdir("/")

    _mount_system()
    home = _mount_home()
    if ca_source is not None:
        _bind(ca_source, CA_FILE)
    _mount_devices()
    _write_accounts()
    _make_folder("/run")
    _make_folder("/proc")
    flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", "/proc", "proc", flags)  # the old one still has to be mounted
    for name in HIDDEN_PROC_FILES:
        if Path("/proc", name).exists():
            kernel.mount("/dev/null", f"/proc/{name}", None, kernel.MS_BIND)
    # The user's folders come last: what is written above must never get into one of them.
    for path in covered:
        if Path(path).is_dir():
            kernel.mount("tmpfs", path, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m")
    for path, source in zip((*visible, *writable), shown, strict=True):
        _show(Path(path), source, writable=path in writable)
    kernel.unmount(OLD_ROOT)
    Path(OLD_ROOT).rmdir()
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY
    kernel.mount(None, "/", None, flags | kernel.MS_NOSUID | kernel.MS_NODEV)
    os.umask(umask)
    return home


def _is_in_system(path: str) -> bool:
    """Return True for a folder below one of the system that holds none of its programs."""
    if any(f"{folder}/".startswith(f"{path}/") for folder in PROGRAM_FOLDERS):
        return False
    return any(path.startswith(f"{folder}/") for folder in SYSTEM_FOLDERS)


def _old(path: str) -> Path:
    """Return the path of a file of the old root."""
    return Path(OLD_ROOT + path)


def _mount_system() -> None:
    """Mount the folders and files of the system, with the links among them."""
    for path in (*SYSTEM_FOLDERS, *SYSTEM_FILES):
        old = _old(path)
        if old.is_symlink():
            _make_link(Path(path), str(old.readlink()))
        elif old.exists():
            _bind(path, path)


def _show(path: Path, source: str, *, writable: bool) -> None:
    """Mount a file or folder of the user at its own path."""
    if writable or not _is_same(Path(source), _old(source)):
        _bind(source, source, writable=writable)
    if not os.path.lexists(path):
        # It may be there after all: `..` after a folder that exists only from now on.
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            _make_link(path, source)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _bind(source: str, target: str, *, writable: bool = False) -> None:
    """Mount a file or folder of the old root, with all that is mounted in it."""
    old = _old(source)
    if old.is_dir():
        _make_folder(target)
    else:
        _make_file(Path(target))
    kernel.mount(str(old), target, None, kernel.MS_BIND | kernel.MS_REC)
    if not writable:
        kernel.make_read_only(target)


def _make_folder(path: str) -> None:
    Path(path).mkdir(mode=0o755, parents=True, exist_ok=True)


def _make_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _make_link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _mount_devices() -> None:
    """Mount the harmless devices, and terminals and shared memory of this case alone."""
    for name in DEVICES:
        if _old(f"/dev/{name}").exists():
            _make_file(Path("/dev", name))
            kernel.mount(f"{OLD_ROOT}/dev/{name}", f"/dev/{name}", None, kernel.MS_BIND)
    for name, target in DEVICE_LINKS.items():
        _make_link(Path("/dev", name), target)
    flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
    _make_folder("/dev/pts")
    kernel.mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")
    _make_folder(SHARED_MEMORY)
    options = f"size={limits.MAX_SHARED_MEMORY_BYTES},mode=1777"
    kernel.mount("tmpfs", SHARED_MEMORY, "tmpfs", flags | kernel.MS_NODEV, options)


def _write_accounts() -> None:
    """Write the files of `/etc` that name the user, the machine and its addresses."""
    user, group = os.getuid(), os.getgid()
    for name, text in (
        ("group", f"{USER_NAME}:x:{group}:\n"),
        ("hostname", f"{USER_NAME}\n"),
        ("hosts", f"127.0.0.1 localhost {USER_NAME}\n::1 localhost\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        ("passwd", f"{USER_NAME}:x:{user}:{group}::{HOME}:/bin/sh\n"),
    ):
        path = Path(ACCOUNTS, name)
        _make_file(path)
        path.write_text(text)


def _mount_home() -> int:
    """Mount the home, whose `tmp` is every temporary folder, and return its descriptor."""
    _make_folder(HOME)
    options = f"size={limits.MAX_HOME_BYTES},nr_inodes={limits.MAX_HOME_FILES},mode=700"
    kernel.mount("tmpfs", HOME, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    temporary = Path(HOME, "tmp")
    temporary.mkdir(0o700)
    for folder in TEMPORARY_FOLDERS:
        _make_folder(folder)
        kernel.mount(str(temporary), folder, None, kernel.MS_BIND)
    return os.open(HOME, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
