"""A process of its own: logs a TorchScript as an MLflow model. Reads its orders from stdin."""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any


def main() -> None:
    """Log, tag, register."""
    told = json.load(sys.stdin)
    # MLflow's retries would block for minutes where nobody answers.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.pytorch
    import torch
    from mlflow.models import Model

    mlflow.set_tracking_uri(told["uri"])
    client = mlflow.MlflowClient()
    parent = client.get_run(told["parent"])
    model = torch.jit.load(told["script"], map_location="cpu").eval()
    given = _example(model, told["shape"])
    before = client.get_run(told["run"]).info
    made = Model.log(
        artifact_path=None,
        flavor=mlflow.pytorch,
        name="model",
        run_id=told["run"],
        pytorch_model=model,
        # What runs without this program, and without the classes that it was trained with.
        serialization_format="pickle",
        pip_requirements=[f"torch=={torch.__version__.split('+')[0]}", f"numpy=={_numpy()}"],
        **given,
    )
    if client.get_run(told["run"]).info.status != before.status:
        client.set_terminated(told["run"], before.status, before.end_time)
    client.set_tag(parent.info.run_id, "mmar_automl.model", made.model_uri)
    client.set_tag(parent.info.run_id, "mmar_automl.model_job", told["job"])
    if told["register"]:
        _register(client, made.model_uri, told)


def _example(model: Any, shape: list[int] | None) -> dict[str, Any]:
    """An input of training's shape and what comes of it. Noise: no patient's image."""
    if not shape:
        return {}
    import torch
    from mlflow.models import infer_signature

    example = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answer = model(example)
    if not isinstance(answer, torch.Tensor):
        return {}
    signature = infer_signature(example.numpy(), answer.numpy())
    return {"signature": signature, "input_example": example.numpy()}


def _register(client: Any, uri: str, told: dict[str, Any]) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    version = mlflow.register_model(uri, told["register"], await_registration_for=60)
    try:
        client.set_registered_model_alias(told["register"], told["alias"], version.version)
    except MlflowException as error:
        sys.exit(f"{told['register']} has version {version.version}, but no alias: {error}")


def _numpy() -> str:
    from importlib.metadata import version

    return version("numpy")


if __name__ == "__main__":
    main()
