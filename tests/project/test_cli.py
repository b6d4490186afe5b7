"""The command line: what it refuses, what it says then, and what it starts."""

import argparse
import re
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from amtlib.cli import main
from amtlib.options import ServeOptions, add_options
from amtlib.serving import panel_command, write_scripts
from app.site import LABS
from tests.serving import ROOT, free_port


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve", "--port", "0"], "'0' is not a port; give a whole number from 1 to 65535"),
        (["serve", "--port", "65536"], "'65536' is not a port"),
        (["serve", "--port", "http"], "'http' is not a port"),
        (["serve", "--address", "300.1.1.1"], "'300.1.1.1' is not an address; give localhost, 0.0.0.0"),
        (["serve", "--origin", "https://lab.example.edu"], "without https:// and without the path"),
        (["serve", "--origin", "lab.example.edu:99999"], "is not HOST or HOST:PORT"),
        (["serve", "--processes", "0"], "give 1 to 64, usually one for each core"),
        (["serve", "--lessons", "nowhere"], "'nowhere' is no folder; give the one that holds files"),
        (
            ["serve", "--results", "nowhere/results.sqlite"],
            "is no folder; give a new file in a folder that is there",
        ),
        (["serve", "--results", "README.md"], "holds something else than results of a listening test"),
        (["serve", "--results", "amtlib"], "cannot be written"),
        (["serve", "--prefix", "a b"], "use letters, digits, - and _"),
        (["serve", "--max-upload", "0"], "'0' is out of range; give 0.1 to 1000 MB"),
        (["serve", "--max-upload", "nan"], "'nan' is out of range"),
        (["serve", "--session-timeout", "soon"], "'soon' is out of range; give 5 to 86400 seconds"),
        (["serve", "now"], "unrecognized arguments: now"),
        ([], "COMMAND"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named_with_its_range(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_file_of_results_is_not_there_before_the_server_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--results", str(tmp_path / "results.sqlite"), "--port", "0"])
    assert "'0' is not a port" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_version_names_the_release(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == "amtlab 0.1.0\n"


def test_a_course_with_a_faulty_lesson_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "loudness.yaml").write_text("ours: {title: Ours, state: {s.level: 500}}")
    command = [
        sys.executable,
        "-m",
        "amtlib.cli",
        "serve",
        "--port",
        str(free_port()),
        "--lessons",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 2
    said = "amtlab: --lessons: loudness.yaml: lesson ours: state, s.level: Level is 500 dB SPL; give a number from"
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_sentence_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"amtlab: port {port} on localhost cannot be used")
    assert "--port" in complaint
    assert complaint.count("\n") == 1


def test_a_library_without_a_checkout_says_where_the_labs_are(tmp_path: Path) -> None:
    # What a wheel leaves in site-packages: amtlib with no app beside it.
    for name in ("__init__.py", "cli.py", "limits.py", "options.py", "serving.py"):
        (tmp_path / "amtlib").mkdir(exist_ok=True)
        source = "" if name == "__init__.py" else (ROOT / "amtlib" / name).read_text()
        (tmp_path / "amtlib" / name).write_text(source)
    result = subprocess.run(
        [sys.executable, "-m", "amtlib.cli", "serve"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    assert "clone the repository" in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_app_packages_are_named_with_the_fix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.serving._APP_PACKAGES", ("panel", "no_such_package"))
    assert main(["serve", "--port", str(free_port())]) == 2
    complaint = capsys.readouterr().err
    assert "the labs need no_such_package" in complaint
    assert "pip install -c constraints.txt -e '.[app]'" in complaint


def test_a_teachers_options_reach_the_server() -> None:
    options = ServeOptions(
        port=8000,
        address="0.0.0.0",
        origins=("lab.example.edu",),
        processes=2,
        prefix="/amt",
        session_timeout_s=20,
    )
    command = panel_command(options, ROOT)
    following = dict(pairwise(command))
    origins = [b for a, b in pairwise(command) if a == "--allow-websocket-origin"]
    assert following["--num-procs"] == "2"
    assert following["--prefix"] == "/amt"
    assert following["--unused-session-lifetime"] == "20000"
    assert {"localhost:8000", "127.0.0.1:8000", "lab.example.edu"} <= set(origins)


def test_every_page_is_served_and_the_landing_page_is_the_index(tmp_path: Path) -> None:
    scripts = write_scripts(ROOT, tmp_path)
    command = panel_command(ServeOptions(), ROOT, scripts)
    assert {path.stem for path in scripts} == {"index", *(lab.slug for lab in LABS)}
    assert set(map(str, scripts)) <= set(command)
    assert command[command.index("--index") + 1] == "index"


def test_the_table_of_options_has_those_of_the_command_and_its_defaults() -> None:
    page = (ROOT / "docs" / "pages" / "howto" / "serving.md").read_text(encoding="utf-8")
    table = page[page.index("| option | what it does |") :].split("\n\n")[0]
    cells = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    told = dict(re.findall(r"`--([a-z-]+) ?([^`]*)`", " ".join(cells)))
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = {action.option_strings[-1].strip("-"): action for action in parser._actions[1:]}
    assert list(told) == list(options)
    for name, value in told.items():
        action = options[name]
        default = f"{action.default:g}" if isinstance(action.default, float) else str(action.default)
        assert value in ("",) if action.nargs == 0 else value in (action.metavar, default), name
