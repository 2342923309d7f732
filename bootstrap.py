"""Set ambience up on a bare Python and start it, or test it.

  python3 bootstrap.py serve                  a small sample library
  python3 bootstrap.py serve ~/Pictures       your own folder, only ever read
  python3 bootstrap.py serve ~/Pictures -- --port 8000
  python3 bootstrap.py test                   every check, the whole test suite
  python3 bootstrap.py test tests/core -x     every check, these tests only

Everything is installed into a folder beside this file (.venv to serve, .venv-dev to
test), from the versions and hashes in requirements/. What is in place is not installed
again. Options after "--" go to "ambience serve"; those after "test" go to pytest.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

# Older Pythons get this far: the annotations that they refuse come later.
if sys.version_info < (3, 11):  # noqa: UP036 - users meet this on older systems
    sys.exit(
        f"ambience needs Python 3.11 or newer, and this is {sys.version.split()[0]}: "
        "start bootstrap.py with a newer one, for example: python3.11 bootstrap.py"
    )

ROOT = Path(__file__).resolve().parent
POSIX = os.name == "posix"
UNFINISHED = "unfinished"
# A test file to each processor: what the tests of a file share is made once. Files keep
# the order that tests/conftest.py gives them.
SPREAD = (
    *("-n", str(os.cpu_count() or 1), "--dist", "loadfile"),
    "--no-loadscope-reorder",
)
STOPPED = 130  # what shells answer for Ctrl-C


class SetupError(Exception):
    """A step failed; ``str(error)`` is the sentence for the user."""


class Environment:
    """One virtual environment, filled from locks, and stamped once it is complete.

    The stamp names everything the content depends on. While an installation runs it
    says `UNFINISHED`, so that one cut short is built anew the next time.
    """

    def __init__(self, name: str, *, locks: tuple[str, ...]) -> None:
        self.path = ROOT / name
        self._locks = [ROOT / "requirements" / lock for lock in locks]
        self._stamp = self.path / "ambience-stamp"

    def program(self, name: str) -> Path:
        """Return the path of a program inside."""
        place = f"bin/{name}" if POSIX else f"Scripts/{name}.exe"
        return self.path / place

    def prepare(self) -> None:
        """Make it complete and current; return at once where it is.

        Raises:
            SetupError: If something could not be installed.
        """
        wanted, found = self._wanted(), self._found()
        if found == wanted and self.program("python").is_file():
            return
        if found == UNFINISHED or not self._works():
            self._create()
        self._stamp.write_text(UNFINISHED, encoding="utf-8")
        for lock in self._locks:
            self._install_lock(lock)
        say("installing ambience itself")
        self._pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        self._stamp.write_text(wanted, encoding="utf-8")

    def _wanted(self) -> str:
        digest = hashlib.sha256()
        for file in (ROOT / "pyproject.toml", *self._locks):
            digest.update(file.read_bytes())
        where = (str(ROOT), sys.base_prefix, sys.version)
        digest.update("\n".join(where).encode())
        return digest.hexdigest()

    def _found(self) -> str:
        try:
            return self._stamp.read_text(encoding="utf-8")
        except OSError:
            return ""

    def _works(self) -> bool:
        """Whether it runs this Python and has a pip."""
        probe = "import pip, sys; print(sys.version)"
        try:
            run = subprocess.run(
                [self.program("python"), "-I", "-c", probe],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return False
        return run.returncode == 0 and run.stdout.strip() == sys.version

    def _create(self) -> None:
        say(f"making the environment {self.path.name}")
        if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
            raise SetupError(
                "this Python has no venv module: on Debian and Ubuntu, "
                '"sudo apt-get install python3-venv" brings it; then start again'
            )
        # --clear empties the folder, so anything half made is gone.
        command = [sys.executable, "-I", "-m", "venv", "--clear", str(self.path)]
        run_quietly(command, f"the environment {self.path} could not be made")

    def _install_lock(self, lock: Path) -> None:
        count = lock.read_text(encoding="utf-8").count("==")
        one = "the sample images" if lock.stem == "samples" else f"{count} packages"
        say(f"installing {one}, pinned in requirements/{lock.name}")
        # Every lock is complete. --no-deps leaves out what the sample images' own
        # package would compute with; --no-compile leaves that to the first import.
        self._pip(
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"),
            *("--requirement", str(lock)),
        )

    def _pip(self, *options: str) -> None:
        pip = [str(self.program("python")), "-I", "-m", "pip", "--quiet", "--no-input"]
        run_quietly(
            [*pip, "--disable-pip-version-check", "install", *options],
            "the installation failed: see pip's message above; "
            "the same command tries again",
        )


def say(line: str) -> None:
    """Show one line of progress."""
    print(f"bootstrap: {line}", flush=True)


def run_quietly(command: list[str], otherwise: str) -> None:
    """Run a program, showing what it printed only if it fails.

    Raises:
        SetupError: With the sentence ``otherwise``, if it fails.
    """
    environment = os.environ | {"PIP_USER": "0"}  # a user-wide setting breaks venvs
    run = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=False,
    )
    if run.returncode:
        sys.stderr.buffer.write(run.stdout)
        sys.stderr.flush()
        raise SetupError(otherwise)


def serve(arguments: list[str]) -> int:
    """Set up what serving needs, then become ``ambience serve``."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    folders, options = arguments[:cut], arguments[cut + 1 :]
    if len(folders) > 1 or any(folder.startswith("-") for folder in folders):
        raise SetupError(
            'serve takes one folder; options for ambience follow a "--", '
            "as in: python3 bootstrap.py serve ~/Pictures -- --port 8000"
        )
    if folders and not Path(folders[0]).is_dir():
        raise SetupError(f"there is no folder {folders[0]}")
    environment = Environment(".venv", locks=("serve.txt", "samples.txt"))
    environment.prepare()
    what = ["--import", folders[0]] if folders else ["--samples"]
    command = [str(environment.program("ambience")), "serve", *what, *options]
    if POSIX:  # signals then reach the server itself
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    return subprocess.run(command, check=False).returncode


def test(arguments: list[str]) -> int:
    """Set up what developing needs, then run every check and sum up."""
    environment = Environment(".venv-dev", locks=("dev.txt",))
    environment.prepare()
    python = str(environment.program("python"))
    lint_imports = str(environment.program("lint-imports"))
    coverage = [python, "-m", "coverage"]
    floor = ["--fail-under=0"] if arguments else []  # some tests can't reach it
    checks = {
        "lint": [[python, "-m", "ruff", "check"]],
        "format": [[python, "-m", "ruff", "format", "--check"]],
        "types": [[python, "-m", "mypy"]],
        "layers": [[lint_imports, "--no-logo"]],
        "tests": [
            [*coverage, "erase"],
            [*coverage, "run", "-m", "pytest", *SPREAD, *arguments],
        ],
        "coverage": [
            [python, str(ROOT / "scripts" / "drop_torn_coverage.py")],
            [*coverage, "combine", "--quiet"],
            [*coverage, "report", *floor],
        ],
    }
    results = {
        "browser": find_program("chromium", "CHROME_BIN"),
        "database": find_program("postgresql", "POSTGRESQL_BIN"),
    }
    for name, commands in checks.items():
        say(f"checking: {name}")
        start = time.monotonic()
        done = all(
            subprocess.run(command, cwd=ROOT, check=False).returncode == 0
            for command in commands
        )
        results[name] = (done, f"{time.monotonic() - start:.0f} s")
    print("\nbootstrap: summary")
    for name, (done, remark) in results.items():
        print(f"  {'ok    ' if done else 'FAILED'}  {name:9} {remark}")
    failed = [name for name, (done, _) in results.items() if not done]
    print("  FAILED: " + ", ".join(failed) if failed else "  all checks passed")
    return 1 if failed else 0


def find_program(name: str, variable: str) -> tuple[bool, str]:
    """Find or install a program that tests need, and tell them where it is.

    Args:
        name: As ``scripts/system_program.py`` knows it.
        variable: Of the environment, in which tests look for it: for PostgreSQL, of
            which there are several, the folder that they are in.
    """
    say(f"looking for {name}")
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "system_program.py", name],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    path = run.stdout.strip()
    if run.returncode or not path:
        return False, f"no {name}: see the message above"
    if name == "postgresql":
        path = str(Path(path).parent)
    os.environ[variable] = path
    return True, path


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    commands = {"serve": serve, "test": test}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 0 if set(arguments) & {"-h", "--help", "help"} else 2
    try:
        return commands[arguments[0]](arguments[1:])
    except SetupError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bootstrap: stopped", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
