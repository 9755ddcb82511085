"""What MMARTensorboardHandler writes, as TensorBoard itself reads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mmar_automl.defs import Context, ContextKey, Recommendation, SearchResult, SearchSpace
from mmar_automl.handlers.tensorboard import MMARTensorboardHandler


def test_each_job_is_a_text_under_its_name(tmp_path: Path) -> None:
    """A line for each parameter, step 0, an enum as its index; beside it the run's id."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    ctx = Context()
    ctx.set_prop(ContextKey.AUTOML_ROOT, str(tmp_path))
    ctx.set_prop(ContextKey.RUN_ID, "trn_a")
    handler = MMARTensorboardHandler()
    handler.start_automl(ctx)
    job = Context(ctx)
    job.set_prop(ContextKey.JOB_NAME, "W1_1_J1")
    values = {"lr.enum.train.lr_policy$0:poly_power": 1, "lr.float$0:learning_rate": 0.25}
    result = SearchResult(SearchSpace(()), values)
    job.set_prop(ContextKey.RECOMMENDATION, Recommendation(1, result))
    handler.start_job(job)
    handler.shutdown(ctx)
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    (text,) = found.Tensors("W1_1_J1")
    assert text.step == 0
    assert text.tensor_proto.string_val[0].decode().split("  \n") == [
        "lr.enum.train.lr_policy$0:poly_power => 1",
        "lr.float$0:learning_rate => 0.25",
    ]
    (run,) = found.Tensors("run_id")
    assert run.tensor_proto.string_val[0] == b"trn_a"


def test_torch_stays_out(tmp_path: Path) -> None:
    """The event file is written without it."""
    code = (
        "import sys\n"
        "from mmar_automl.defs import Context\n"
        "from mmar_automl.handlers.tensorboard import MMARTensorboardHandler\n"
        "ctx = Context(); ctx.set_prop('_automlRoot', sys.argv[1]); ctx.set_prop('_runId', 'a')\n"
        "handler = MMARTensorboardHandler(); handler.start_automl(ctx); handler.shutdown(ctx)\n"
        "assert 'torch' not in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert list(tmp_path.glob("events.out.tfevents.*"))
