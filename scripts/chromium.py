"""Print the path of a Chromium for the tests of the pages, installing it if need be.

It is installed by Debian's and Ubuntu's own package manager, as root or through sudo.
Elsewhere this says what to install. CHROME_BIN names a browser that lies elsewhere.
Runs on a bare Python 3.11; what it tells goes to standard error.
"""

import os
import platform
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = (
    "chromium: the tests of the pages need Chromium: install it (Fedora: dnf install "
    "chromium; Arch: pacman -S chromium; macOS: brew install --cask chromium), or set "
    "CHROME_BIN to the path of a Chromium or Chrome"
)


def found() -> str | None:
    """Return the path of a browser that is there, or None."""
    named = os.environ.get("CHROME_BIN")
    paths = map(shutil.which, [named] if named else NAMES)
    return next(filter(None, paths), None)


def root_prefix() -> list[str] | None:
    """Return what a command starts with to run as root, or None where it can't."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    return ["sudo"] if sys.stdin.isatty() else ["sudo", "--non-interactive"]


def install() -> None:
    """Install Chromium from the system's packages.

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
    package = "chromium-browser" if system["ID"] == "ubuntu" else "chromium"
    print(f"chromium: installing the system's package {package}", file=sys.stderr)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"]
    wait = "--option=DPkg::Lock::Timeout=120"  # seconds, while another one installs
    packages = [package, "fonts-dejavu-core"]  # without any font, pages show boxes
    for command in (
        [*apt, wait, "update"],
        [*apt, wait, "install", "--yes", "--no-install-recommends", *packages],
    ):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            print(run.stdout, run.stderr, file=sys.stderr)
            run.check_returncode()


def main() -> None:
    """Print the browser's path, or say what to do and fail."""
    if found() is None:
        try:
            install()
        except subprocess.CalledProcessError:
            print("chromium: the installation failed", file=sys.stderr)
    path = found()
    if path is None:
        sys.exit(ADVICE)
    print(path)


if __name__ == "__main__":
    main()
