"""What may be imported where, tried in fresh processes."""

import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB_MODELS = sorted((ROOT / "app" / "labs").glob("*/model.py"))

# A finder that stands before all others and refuses the packages named on the command line.
REFUSE = textwrap.dedent("""
    import importlib, sys

    refused = set(sys.argv[1].split(","))

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in refused:
                raise ImportError(f"{name} is refused here")

    sys.meta_path.insert(0, Refuse())
    for name in sys.argv[2].split(","):
        importlib.import_module(name)
    found = refused & set(sys.modules)
    assert not found, found
    """)


def import_without(refused: str, modules: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", REFUSE, refused, ",".join(modules)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def modules_of(package: str) -> list[str]:
    """Name every module of a package."""
    paths = sorted((ROOT / package).rglob("*.py"))
    names = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def test_nothing_imports_torchaudio() -> None:
    modules = modules_of("amtlib") + modules_of("app")
    assert len(modules) > 10
    result = import_without("torchaudio", modules)
    assert result.returncode == 0, result.stderr


def test_the_refusal_used_in_these_tests_really_refuses() -> None:
    result = import_without("torch", ["torch.nn"])
    assert result.returncode != 0
    assert "torch.nn is refused here" in result.stderr or "torch is refused here" in result.stderr


def test_the_library_needs_nothing_of_the_app() -> None:
    app_only = "panel,panel_material_ui,holoviews,bokeh,param,pyviz_comms,psutil,tornado,yaml"
    drawing = [name for name in modules_of("amtlib") if name.startswith("amtlib.plot")]
    assert drawing
    result = import_without(app_only, [name for name in modules_of("amtlib") if name not in drawing])
    assert result.returncode == 0, result.stderr


def test_pictures_of_results_need_nothing_of_training_and_no_page() -> None:
    result = import_without("flamo,panel_material_ui,psutil", ["amtlib.plot"])
    assert result.returncode == 0, result.stderr


def test_pictures_of_results_without_their_extra_name_what_to_install() -> None:
    result = import_without("holoviews", ["amtlib.plot"])
    assert result.returncode != 0
    assert "pip install 'amtlib[plot]'" in result.stderr


def test_the_command_answers_without_the_models() -> None:
    result = import_without("torch,numpy,panel,tornado", ["amtlib.cli"])
    assert result.returncode == 0, result.stderr


def test_the_labs_models_draw_nothing() -> None:
    assert LAB_MODELS
    names = [f"app.labs.{model.parent.name}.model" for model in LAB_MODELS]
    result = import_without("panel,panel_material_ui,holoviews,bokeh", names)
    assert result.returncode == 0, result.stderr  # its traceback says which lab's it is
