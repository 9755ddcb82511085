"""What has happened, in the past tense. The journal holds these and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Union, get_args

from mmar_automl.api import Verdict
from mmar_automl.defs import FailureClass, JobState, RunState


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """A search began. `workers` are (name, GPUs); pid and start time tell if it still lives.

    `token` begins the token of every job: how a process of this search is recognised later.
    """

    durable: ClassVar[bool] = True
    run_id: str
    token: str
    workers: tuple[tuple[str, tuple[int, ...]], ...]
    controller: str
    version: str
    host: str
    pid: int
    process_started: float
    time: float


@dataclass(frozen=True, kw_only=True)
class RunResumed:
    """A search goes on after its end, whatever end, in a new process."""

    durable: ClassVar[bool] = True
    workers: tuple[tuple[str, tuple[int, ...]], ...]
    version: str
    host: str
    pid: int
    process_started: float
    time: float


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A recommendation as the journal keeps it; `parameters` is for people."""

    id: int
    values: Mapping[str, Any]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RecommendationsMade:
    """The controller answered. `after` is the job whose outcome it was told, None at first.

    An empty answer is an event, too: until it is there, the controller may still have more.
    """

    durable: ClassVar[bool] = False
    proposals: tuple[Proposal, ...]
    after: str | None
    time: float


@dataclass(frozen=True, kw_only=True)
class JobAssigned:
    """A worker got a job. On disk before the job's process starts."""

    durable: ClassVar[bool] = True
    job: str
    recommendation_id: int
    worker: str
    time: float


@dataclass(frozen=True, kw_only=True)
class JobRetried:
    """An attempt failed through no fault of its configuration, and the next one begins."""

    durable: ClassVar[bool] = False
    job: str
    failure: FailureClass | None
    message: str
    time: float


@dataclass(frozen=True, kw_only=True)
class JobReported:
    """A running job validated, and the pruner has said what is to become of it.

    One event for both: a resumed pruner is told exactly what it was told before, and what it
    decided then stands. `promote` are paused jobs that go on.
    """

    job: str
    epoch: int
    score: float | None
    max_epochs: int | None = None
    minimised: bool = False
    verdict: Verdict = Verdict.GO_ON
    reason: str = ""
    promote: tuple[str, ...] = ()
    time: float

    @property
    def durable(self) -> bool:
        """A decision is on disk before it has effects; a mere report need not be."""
        return self.verdict is not Verdict.GO_ON or bool(self.promote)


@dataclass(frozen=True, kw_only=True)
class PausedSettled:
    """Nothing else runs or waits: these paused jobs go on; if there are none, all are pruned.

    `asked`: the pruner was; not where the search is being stopped.
    """

    durable: ClassVar[bool] = True
    promoted: tuple[str, ...]
    asked: bool
    time: float


@dataclass(frozen=True, kw_only=True)
class JobEnded:
    """A job came off its worker: to its end, whatever end, or paused.

    On disk before any handler hears of it.
    """

    durable: ClassVar[bool] = True
    job: str
    state: JobState
    score: float | None = None
    epoch: int | None = None
    metric: str | None = None
    minimised: bool = False
    failure: FailureClass | None = None
    exit_status: int | None = None
    message: str = ""
    tail: str = ""
    time: float


@dataclass(frozen=True, kw_only=True)
class WorkerFreed:
    """The handlers have heard of a job's end, and its worker is idle again."""

    durable: ClassVar[bool] = False
    job: str
    time: float


@dataclass(frozen=True, kw_only=True)
class WorkerSuspended:
    """A worker finishes its job and gets no other."""

    durable: ClassVar[bool] = False
    worker: str
    time: float


@dataclass(frozen=True, kw_only=True)
class WorkerResumed:
    """A suspended worker gets jobs again."""

    durable: ClassVar[bool] = False
    worker: str
    time: float


@dataclass(frozen=True, kw_only=True)
class StopRequested:
    """Someone asked for the end. `abort`: running jobs are ended, too; `signal` is what came.

    `final`: the search has what it wanted, so that a resume does not bring back what was dropped.
    """

    durable: ClassVar[bool] = True
    issuer: str
    reason: str
    state: RunState
    abort: bool = False
    final: bool = False
    signal: int | None = None
    time: float


@dataclass(frozen=True, kw_only=True)
class RunEnded:
    """Nothing runs any more, and nothing will."""

    durable: ClassVar[bool] = True
    state: RunState
    reason: str
    time: float


Event = Union[
    RunStarted,
    RunResumed,
    RecommendationsMade,
    JobAssigned,
    JobRetried,
    JobReported,
    JobEnded,
    PausedSettled,
    WorkerFreed,
    WorkerSuspended,
    WorkerResumed,
    StopRequested,
    RunEnded,
]

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}
_ENUMS: dict[tuple[str, str], type[Any]] = {
    ("JobEnded", "state"): JobState,
    ("JobEnded", "failure"): FailureClass,
    ("JobRetried", "failure"): FailureClass,
    ("JobReported", "verdict"): Verdict,
    ("StopRequested", "state"): RunState,
    ("RunEnded", "state"): RunState,
}


def to_json(event: Event) -> dict[str, Any]:
    """An event as a JSON object with its kind under `event`."""
    return {"event": type(event).__name__, **dataclasses.asdict(event)}


def from_json(raw: Mapping[str, Any]) -> Event:
    """The inverse of `to_json`; raises `ValueError` for what is no event."""
    fields = dict(raw)
    name = fields.pop("event", None)
    if name not in _KINDS:
        raise ValueError(f"no event is called {name!r}")
    for key, value in fields.items():
        if (name, key) in _ENUMS and value is not None:
            fields[key] = _ENUMS[name, key](value)
    if name in ("RunStarted", "RunResumed"):
        fields["workers"] = tuple((worker, tuple(gpus)) for worker, gpus in fields["workers"])
    if name == "RecommendationsMade":
        fields["proposals"] = tuple(Proposal(**proposal) for proposal in fields["proposals"])
    for key in ("promote", "promoted"):
        if key in fields:
            fields[key] = tuple(fields[key])
    try:
        event: Event = _KINDS[name](**fields)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return event
