#!/usr/bin/env python3
"""One command from a clean clone: `python3 dev.py demo` runs llmtrace, `python3 dev.py test` passes its tests.

Needs Python 3.11 or newer and a package index, nothing else. It makes `.venv` here, installs the locked dependencies
with uv (installed into `.venv` too) and runs the command inside. Standard library only, old syntax only, so that an
older Python gets the sentence and not a syntax error.
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Oldest and newest of each major release. 1.40 is the first with structured outputs, and the oldest named as supported.
RELEASES = ("1.40.0", "1.109.1", "2.0.0", "2.54.0", "3.0.0", "3.54.0")
# What a release does not say itself: before 1.55.3 the client hands httpx an argument that 0.28 no longer takes.
BESIDE = {"1.40.0": ["httpx<0.28"]}
# About the client through the seam. The others say nothing about a release, or need more than the instrument.
MATRIX_TESTS = ["tests/llmtrace"] + [
    "--ignore=tests/llmtrace/test_%s.py" % name for name in ("demo", "embedding", "export")
]
# What any ClickHouse must do. The others are about the embedded store itself, or need none.
SERVER_TESTS = [
    "tests/collector/test_%s.py" % name
    for name in (
        "unfold",
        "dialects",
        "hostile_names",
        "promoted",
        "sampling",
        "rollups",
        "logs",
        "metrics",
        "deep_values",
        "deletion",
        "retention",
        "pricing",
        "text_search",
        "export",
        "kafka",
    )
]
# Two processes: most tests wait for others of ours half of the time. A file stays in one, with the stores it shares, in
# the usual order: those with the fewest tests are the slowest, and would else come last and alone.
WHOLE_SUITE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
USAGE = """usage: python3 dev.py COMMAND [arguments]

  demo     set everything up and run the demo (llmtrace demo; arguments go to it)
  up       set everything up and run llmtrace up
  test     set everything up, with a browser, and run the tests (arguments go to pytest)
  check    set everything up and run lint, types and import contracts
  server   run the tests that need a store on the ClickHouse server that LLMTRACE_TEST_CLICKHOUSE_URL names
  matrix   run the instrument's tests on old and new releases of openai (arguments: 1.40.0, 1.x, ...; none: all)
  docs     write the tables of the reference pages from the code
  sync     only set everything up
"""


def main(argv):
    if sys.version_info < (3, 11):
        return fail("this is Python %s; llmtrace needs 3.11 or newer" % sys.version.split()[0])
    command = argv[0] if argv else "help"
    commands = {
        "demo": demo,
        "up": up,
        "test": test,
        "server": server,
        "check": check,
        "matrix": matrix,
        "docs": docs,
        "sync": sync,
    }
    if command not in commands:
        print(USAGE)
        return 0 if command in {"help", "-h", "--help"} else 2
    return set_up() or commands[command](argv[1:])


def set_up():
    """Makes .venv and installs what uv.lock says; quick when there is nothing to do."""
    if not os.path.exists(PYTHON):
        print("making %s" % VENV, flush=True)
        if subprocess.run([sys.executable, "-m", "venv", VENV]).returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            return fail("Python cannot make a virtual environment; on Debian: apt-get install python3-venv")
    uv = find_uv()
    if not uv:
        return fail("uv cannot be installed: is a package index reachable?")
    sync_command = uv + ["sync", "--quiet", "--locked", "--all-extras", "--inexact", "--python", PYTHON]
    environ = dict(os.environ, VIRTUAL_ENV=VENV, UV_PROJECT_ENVIRONMENT=VENV)
    if subprocess.run(sync_command, cwd=HERE, env=environ).returncode:
        return fail("the locked dependencies cannot be installed; the lines above say why")
    return 0


def find_uv():
    """The command for uv: the one in .venv, else the user's own, else newly installed into .venv; None: no way."""
    inside = [PYTHON, "-m", "uv"]
    if not subprocess.run(inside + ["--version"], capture_output=True).returncode:
        return inside
    if shutil.which("uv"):
        return [shutil.which("uv")]
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv>=0.9"]
    return None if subprocess.run(pip).returncode else inside


def demo(arguments):
    return run(["-m", "llmtrace.cli", "demo"] + arguments)


def up(arguments):
    return run(["-m", "llmtrace.cli", "up"] + arguments)


def docs(_):
    return run([os.path.join("tests", "support", "reference.py")])


def sync(_):
    return 0


def check(_):
    steps = (
        ["-m", "ruff", "check"],
        ["-m", "ruff", "format", "--check"],
        ["-m", "mypy"],
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    )
    for step in steps:
        print("+ %s" % " ".join(step[1:3]), flush=True)
        if run(step):
            return 1
    return 0


def test(arguments):
    skipped = os.environ.get("LLMTRACE_SKIP_BROWSER") == "1"
    if not skipped:
        code = get_browser()
        if code:
            return code
    code = run(["-m", "pytest"] + (arguments or WHOLE_SUITE))
    if skipped:
        print("The browser tests were SKIPPED: LLMTRACE_SKIP_BROWSER=1", flush=True)
    return code


def server(arguments):
    if not os.environ.get("LLMTRACE_TEST_CLICKHOUSE_URL"):
        return fail("say which server with LLMTRACE_TEST_CLICKHOUSE_URL=http://user:password@127.0.0.1:8123")
    return run(["-m", "pytest", "-rs"] + (arguments or SERVER_TESTS))


def matrix(arguments):
    """Runs the instrument's tests on releases of openai; every one is tried, and the exit code tells of all."""
    chosen = [known for known in RELEASES if not arguments or any(is_named(known, given) for given in arguments)]
    chosen += [given for given in arguments if not any(is_named(known, given) for known in RELEASES)]
    failed = [release for release in chosen if not passes_on(release)]
    print("openai %s: %s" % (", ".join(chosen), "FAILED on " + ", ".join(failed) if failed else "all passed"))
    return 1 if failed else 0


def is_named(release, given):
    return release == given or (given.endswith(".x") and release.startswith(given[:-1]))


def passes_on(release):
    print("+ openai %s" % release, flush=True)
    folder = os.path.join(HERE, ".matrix", release)
    python = os.path.join(folder, os.path.relpath(PYTHON, VENV))
    uv = find_uv()
    locked = ["export", "--quiet", "--frozen", "--no-hashes", "--no-emit-project", "--all-extras", "--group", "test"]
    exported = subprocess.run(uv + locked, cwd=HERE, stdout=subprocess.PIPE, text=True)
    if exported.returncode:
        return False
    os.makedirs(folder, exist_ok=True)
    constraints = os.path.join(folder, "constraints.txt")
    with open(constraints, "w") as file:
        file.writelines(line for line in exported.stdout.splitlines(True) if not line.startswith(("openai=", "httpx")))
    install = ["pip", "install", "--quiet", "--python", python, "--constraint", constraints, "--group", "test"]
    install += ["--editable", ".[schemas,router]", "openai==%s" % release] + BESIDE.get(release, [])
    if not os.path.exists(python):
        made = subprocess.run(uv + ["venv", "--quiet", "--allow-existing", "--python", PYTHON, folder], cwd=HERE)
        if made.returncode:
            return False
    if subprocess.run(uv + install, cwd=HERE).returncode:
        return False
    environ = dict(os.environ, LLMTRACE_MATRIX="1")
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"] + MATRIX_TESTS
    return not subprocess.run(tests, cwd=HERE, env=environ).returncode


def get_browser():
    """Finds Chromium, or gets it by apt on Debian; a sentence and an exit code where neither works."""
    named = os.environ.get("LLMTRACE_CHROMIUM")
    if named:
        return 0 if os.access(named, os.X_OK) else fail("LLMTRACE_CHROMIUM=%s is not a program" % named)
    if any(shutil.which(name) for name in BROWSERS):
        return 0
    remedy = "install Chromium, name it with LLMTRACE_CHROMIUM, or skip its tests with LLMTRACE_SKIP_BROWSER=1"
    if not shutil.which("apt-get"):
        return fail("the browser tests need Chromium, and there is none on PATH: " + remedy)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print("getting Chromium by apt", flush=True)
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    update = subprocess.run(sudo + ["apt-get", "update", "-qq"], env=quiet)
    install = sudo + ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    if update.returncode or subprocess.run(install, env=quiet, stdout=subprocess.DEVNULL).returncode:
        return fail("the browser tests need Chromium, and apt could not install it: " + remedy)
    return 0


def run(arguments):
    """Runs Python in .venv from here and gives its exit code; Ctrl-C is the child's to answer."""
    environ = dict(os.environ, VIRTUAL_ENV=VENV, PATH=BIN + os.pathsep + os.environ.get("PATH", ""))
    child = subprocess.Popen([PYTHON] + arguments, cwd=HERE, env=environ)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def fail(sentence):
    sys.stderr.write("dev.py: %s\n" % sentence)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
