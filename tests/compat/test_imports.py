"""Clara's import paths: where they lead, from wherever they are imported, however installed."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SAME = """
automl.defs: mmar_automl.defs: Context ContextKey Outcome ProcessStatus Recommendation
automl.defs: mmar_automl.defs: SearchResult SearchSpace Status
automl.components.controllers.controller: mmar_automl.api: Controller
automl.components.controllers.reinforcement_controller:\
 mmar_automl.controllers.reinforcement: ReinforcementController
automl.components.executors.executor: mmar_automl.api: Executor
automl.components.handlers: mmar_automl.handlers.tensorboard: MMARTensorboardHandler
automl.components.handlers.handler: mmar_automl.api: Handler
automl.components.handlers.stats_handler: mmar_automl.handlers.stats: StatsHandler
automl.workflows.defs: mmar_automl.app.library: WorkerConfig
automl.workflows.engine: mmar_automl.app.library: Engine
automl.workflows.admin: mmar_automl.app.library: AutomlCommandModule start_admin
automl.workflows.test_engine: mmar_automl.controllers.self_test: TestController
medl.apps.automl: mmar_automl.executors.base_mmar: BaseMMARExecutor
medl.apps.automl.base_mmar_exec: mmar_automl.executors.base_mmar: BaseMMARExecutor
medl.apps.automl.constants: mmar_automl.defs: MMARPropKey
medl.apps.automl.mmar_exec: mmar_automl.executors.mmar: MMARExecutor
medl.apps.automl.mmar_handler: mmar_automl.handlers.retention: MMARHandler
medl.apps.automl.mmar_stats_handler: mmar_automl.handlers.mmar_stats: MMARStatsHandler
nvmidl.apps.automl.mmar_exec: mmar_automl.executors.mmar: MMARExecutor
dlmed.hci.reg: mmar_automl.api: CommandModule CommandModuleSpec CommandSpec
""".strip().splitlines()


@pytest.mark.parametrize("line", SAME, ids=lambda line: line.split(":")[0])
def test_a_class_is_one_object_however_it_is_imported(line: str) -> None:
    """Under Clara's path it is the class of ours: isinstance and identity hold."""
    claras, ours, names = (part.strip() for part in line.split(":"))
    for name in names.split():
        found = getattr(importlib.import_module(claras), name)
        assert found is getattr(importlib.import_module(ours), name)


def test_the_keys_have_claras_values() -> None:
    """Old code writes the raw strings as often as the constants."""
    from automl.defs import Context, ContextKey
    from medl.apps.automl.constants import MMARPropKey

    ctx = Context(Context())
    ctx.set_prop("_jobName", "W1_1_J1")
    assert ctx.get_prop(ContextKey.JOB_NAME) == "W1_1_J1"
    assert (ContextKey.GPUS, ContextKey.RECOMMENDATIONS) == ("_gpus", "_recommendations")
    assert (ContextKey.SCORE, ContextKey.SEARCH_SPACE) == ("_score", "_searchSpace")
    assert (MMARPropKey.AUTOML_ROOT, MMARPropKey.JOB_MMAR_ROOT, MMARPropKey.EXEC_SUBPROCESS) == (
        "_automlRoot",
        "_jobMmarRoot",
        "_execSubprocess",
    )


def mmar_like(root: Path) -> Path:
    """A folder in which everything invites a wrong import."""
    for folder in ("config", "commands", "automl/run_a", "medl", "dlmed/hci", "nvmidl/apps"):
        (root / folder).mkdir(parents=True)
    (root / "automl/run_a/__init__.py").touch()
    for name in ("monai", "typer", "rich", "defs"):
        (root / f"{name}.py").write_text(f"raise SystemExit('the MMAR\\'s own {name}')\n")
    return root


ASK = (
    "import automl.defs, mmar_automl.defs as ours, medl.apps.train, dlmed.hci.tools.admin, "
    "nvmidl.apps.automl.train\n"
    "assert automl.defs.Context is ours.Context\n"
    "print('right')"
)


def ask(python: str, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python in a working directory, without what the tests' own environment adds."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [python, *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python in which pip has unpacked what our build gives it, for `pip install .` or `-e .`;
    the libraries are the tests' own."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "zz_libraries.pth").write_text("\n".join(libraries) + "\n")
    with zipfile.ZipFile(build(folder, request.param)) as packed:
        packed.extractall(site)
    return str(folder / "bin/python")


def build(folder: Path, kind: str) -> Path:
    """The project's wheel, built from a copy so that no build/ is left in the checkout. An
    editable install is a wheel too, with the way back to the sources in it."""
    pytest.importorskip("setuptools.build_meta")
    source = folder / "source"
    source.mkdir()
    packages = ("mmar_automl", "automl", "medl", "dlmed", "nvmidl")
    for name in ("pyproject.toml", "README.md", "LICENSE", *packages):
        (source / name).symlink_to(REPOSITORY / name)
    hook = {"wheel": "build_wheel", "editable": "build_editable"}[kind]
    code = f"from setuptools import build_meta as b; print(b.{hook}('.'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return source / done.stdout.split()[-1]


def test_an_mmar_as_working_directory_shadows_nothing(installed: str, tmp_path: Path) -> None:
    """Its own automl/ is no namespace package to be found first, and its monai.py stays its own."""
    root = mmar_like(tmp_path / "mmar")
    done = ask(installed, root, "-c", ASK)
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr
    where = ask(installed, root, "-c", "import mmar_automl; print(mmar_automl.__file__)").stdout
    assert str(root) not in where
    (root / "random.py").write_text("raise SystemExit('the MMAR\\'s own random')\n")
    for module in ("medl.apps.train", "nvmidl.apps.train", "medl.apps.automl.train"):
        done = ask(installed, root, "-m", module, "--help")
        assert done.returncode == 0, done.stderr


def test_the_wheel_holds_claras_packages_and_nothing_else(installed: str) -> None:
    """What an installation adds to the top level is this."""
    site = next(Path(installed).parents[1].glob("lib/python*/site-packages"))
    found = {path.name for path in site.iterdir() if path.is_dir() and "-" not in path.name}
    assert found in (set(), {"mmar_automl", "automl", "medl", "dlmed", "nvmidl"})
