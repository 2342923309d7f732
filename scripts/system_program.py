"""Print the path of a program that the tests need, installing it if need be.

``python3 scripts/system_program.py chromium`` prints the path of a browser, for the
tests of the pages; ``... postgresql`` the path of ``initdb``, beside which the other
programs of a PostgreSQL server are, for the tests of the catalog.

It is installed by Debian's and Ubuntu's own package manager, as root or through sudo.
Elsewhere this says what to install. CHROME_BIN names a browser that lies elsewhere,
POSTGRESQL_BIN a folder with PostgreSQL's programs. Runs on a bare Python 3.11; what it
tells goes to standard error.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")  # a folder for each version, none of them on PATH
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = {
    "chromium": (
        "the tests of the pages need Chromium: install it (Fedora: dnf install "
        "chromium; Arch: pacman -S chromium; macOS: brew install --cask chromium), or "
        "set CHROME_BIN to the path of a Chromium or Chrome"
    ),
    "postgresql": (
        "the tests of the catalog need a PostgreSQL server: install it (Fedora: dnf "
        "install postgresql-server; Arch: pacman -S postgresql; macOS: brew install "
        "postgresql), or set POSTGRESQL_BIN to the folder of its programs"
    ),
}


def found(program: str) -> str | None:
    """Return the path of a program that is there, or None."""
    if program == "chromium":
        named = os.environ.get("CHROME_BIN")
        paths = map(shutil.which, [named] if named else CHROMIUMS)
        return next(filter(None, paths), None)
    named = os.environ.get("POSTGRESQL_BIN")
    if named:
        return shutil.which("initdb", path=named)
    newest = sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name))
    return shutil.which("initdb", path=newest[-1] if newest else None)


def packages(program: str, system: str) -> list[str]:
    """Return the names of Debian's or Ubuntu's packages."""
    if program == "postgresql":
        return ["postgresql"]
    # Without any font, pages show boxes.
    browser = "chromium-browser" if system == "ubuntu" else "chromium"
    return [browser, "fonts-dejavu-core"]


def root_prefix() -> list[str] | None:
    """Return what a command starts with to run as root, or None where it can't."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    return ["sudo"] if sys.stdin.isatty() else ["sudo", "--non-interactive"]


def install(program: str) -> None:
    """Install a program from the system's packages.

    Raises:
        CalledProcessError: If the package manager fails.
    """
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return
    prefix = root_prefix()
    if shutil.which("apt-get") is None or prefix is None:
        return
    wanted = packages(program, system["ID"])
    print(f"{program}: installing the system's {' '.join(wanted)}", file=sys.stderr)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"]
    wait = "--option=DPkg::Lock::Timeout=120"  # seconds, while another one installs
    for command in (
        [*apt, wait, "update"],
        [*apt, wait, "install", "--yes", "--no-install-recommends", *wanted],
    ):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            print(run.stdout, run.stderr, file=sys.stderr)
            run.check_returncode()


def main() -> None:
    """Print the program's path, or say what to do and fail."""
    if len(sys.argv) != len(["script", "program"]) or sys.argv[1] not in ADVICE:
        sys.exit(__doc__)
    program = sys.argv[1]
    if found(program) is None:
        try:
            install(program)
        except subprocess.CalledProcessError:
            print(f"{program}: the installation failed", file=sys.stderr)
    path = found(program)
    if path is None:
        sys.exit(f"{program}: {ADVICE[program]}")
    print(path)


if __name__ == "__main__":
    main()
