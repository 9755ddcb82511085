"""MMARTensorboardHandler: what each job tries, as text in TensorBoard, in the run's folder.

The event file is written without torch, which never loads in the process of a search.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, Recommendation
from mmar_automl.mmar.layout import RunLayout


class MMARTensorboardHandler(Handler):
    """Clara's: under the run's id what the search is, under each job's name its recommendation.

    A recommendation is a line for each parameter, `<PRL> => <value>`, where an enum's value is
    the index of its choice. Metrics of a training come from the training's own event files.
    """

    def __init__(self) -> None:
        self._writer: Any = None

    def start_automl(self, ctx: Context) -> None:
        """Name the search."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        run = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT)))
        self._writer = EventFileWriter(str(run.root), flush_secs=1)
        self._write("run_id", [str(ctx.get_prop(ContextKey.RUN_ID))])

    def start_job(self, ctx: Context) -> None:
        """Write the job's recommendation."""
        recommendation: Recommendation = ctx.get_prop(ContextKey.RECOMMENDATION)
        values = recommendation.result.values
        lines = [f"{key} => {value}" for key, value in values.items()]
        self._write(str(ctx.get_prop(ContextKey.JOB_NAME)), lines)

    def shutdown(self, ctx: Context) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, tag: str, lines: list[str]) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
        from tensorboard.plugins.text.metadata import create_summary_metadata

        if self._writer is None:
            return
        # TensorBoard reads Markdown, where two spaces end a line.
        text = "  \n".join(lines)
        value = summary_pb2.Summary.Value(
            tag=tag,
            metadata=create_summary_metadata(display_name=tag, description=""),
            tensor=tensor_pb2.TensorProto(
                dtype="DT_STRING",
                string_val=[text.encode()],
                tensor_shape=tensor_shape_pb2.TensorShapeProto(
                    dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]
                ),
            ),
        )
        summary = summary_pb2.Summary(value=[value])
        self._writer.add_event(event_pb2.Event(wall_time=time.time(), step=0, summary=summary))
        self._writer.flush()
