"""What Clara's admin commands do to a running search."""

from __future__ import annotations

import difflib
import json
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar

from mmar_automl.api import CommandSpec, Reply
from mmar_automl.defs import Context, Job, JobState, best_of, natural
from mmar_automl.engine.console import Refused
from mmar_automl.engine.state import EngineState, WorkerState

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Command:
    """A command as `help` tells it; `worker` if it takes the name of one."""

    summary: str
    details: str
    worker: bool = False


COMMANDS: dict[str, Command] = {
    "list_workers": Command(
        "the workers: GPUs, state, number of jobs",
        "STATE is idle, busy or suspended; JOBS counts the jobs that a worker was given so far.",
    ),
    "show_worker": Command("one worker: its job and since when", "", worker=True),
    "suspend_worker": Command(
        "no more jobs for a worker",
        "It finishes the job that it has. resume_worker takes it back.",
        worker=True,
    ),
    "resume_worker": Command("jobs again for a suspended worker", "", worker=True),
    "abort_worker": Command(
        "end the job that a worker has",
        "The job is recorded as interrupted, and the worker gets the next one. To keep it from "
        "that, suspend it first.",
        worker=True,
    ),
    "summary": Command(
        "the ended jobs, best first",
        "With num_mmars_to_keep of MMARHandler only so many are shown.",
    ),
    "stop": Command(
        "end the running jobs and the search",
        "They are recorded as interrupted; mmar-automl run ROOT --run-id X --resume goes on.",
    ),
    "lpwd": Command("the folder that you are in", ""),
    "help": Command("the commands, or more about one: help stop, ? stop", ""),
    "bye": Command("leave; the search goes on", ""),
}
"""Clara's, in the order in which `help` lists them; the client itself sees to the last three."""


class Steerable(Protocol):
    """What the commands need of an engine."""

    def call(self, function: Callable[[EngineState], object]) -> object:
        """What `function(state)` returns, called in the engine's thread."""

    def suspend(self, worker: str) -> None:
        """No more jobs for a worker."""

    def resume(self, worker: str) -> None:
        """Jobs again for a worker."""

    def abort_worker(self, worker: str) -> str | None:
        """End a worker's job; its name, or None if it has none."""

    def stop_now(self, issuer: str, reason: str) -> None:
        """End the search and what runs."""


class Admin:
    """Answers commands; call it from any thread but the engine's.

    `keep` is how many job MMARs MMARHandler keeps, None for all. `context` is the search's, to
    which plug-ins add commands of their own; none of these takes the place of ours.
    """

    def __init__(
        self, engine: Steerable, keep: int | None = None, context: Context | None = None
    ) -> None:
        self._engine = engine
        self._keep = keep
        self._context = context

    def answer(self, words: Sequence[str]) -> str:
        """The text for a command and its arguments. Raises `Refused`."""
        own = self._brought()
        if words and words[0] in own and words[0] not in COMMANDS:
            return _call(own[words[0]], words)
        if words and words[0] == "help" and own:
            lines = [f"{spec.usage}  {spec.description}" for spec in own.values() if spec.visible]
            return "\n".join([help_text(words[1:]), *(lines if len(words) == 1 else [])])
        name, rest = check_command(words)
        try:
            if name == "help":
                return help_text(rest)
            if name == "list_workers":
                return self._list_workers()
            if name == "summary":
                return self._summary()
            if name == "stop":
                self._engine.stop_now("admin", "stop was given on the admin console")
                return "stopping: the running jobs are being ended"
            if name in ("bye", "lpwd"):
                return ""
            return self._worker_command(name, self._known(rest[0]))
        except queue.Empty:
            raise Refused(
                "the search does not answer: it is starting, ending or busy",
                "the command may still take effect; mmar-automl status shows how it stands",
            ) from None

    def _brought(self) -> dict[str, CommandSpec]:
        """The commands of the plug-ins."""
        modules = self._context.command_modules if self._context is not None else []
        return {spec.name: spec for module in modules for spec in module.get_spec().cmd_specs}

    def _worker_command(self, name: str, worker: str) -> str:
        if name == "show_worker":
            return self._show_worker(worker)
        if name == "suspend_worker":
            self._engine.suspend(worker)
            job = self._ask(lambda state: state.workers[worker].job)
            rest = f"it finishes {job} and gets no other" if job else "it gets no job"
            return f"{worker} is suspended: {rest}"
        if name == "resume_worker":
            self._engine.resume(worker)
            return f"{worker} gets jobs again"
        job = self._engine.abort_worker(worker)
        if job is None:
            return f"{worker} has no job to abort"
        return f"{job} on {worker} is being ended; it will be recorded as interrupted"

    def _list_workers(self) -> str:
        def rows(state: EngineState) -> list[tuple[str, ...]]:
            counts = dict.fromkeys(state.workers, 0)
            for job in state.jobs.values():
                counts[job.worker] = counts.get(job.worker, 0) + 1
            return [
                (name, gpu_list(worker.gpus), worker_state(worker), str(counts[name]))
                for name, worker in state.workers.items()
            ]

        return table(("NAME", "GPUS", "STATE", "JOBS"), self._ask(rows))

    def _show_worker(self, name: str) -> str:
        def look(state: EngineState) -> tuple[WorkerState, Job | None, list[Job]]:
            worker = state.workers[name]
            done = [job for job in state.jobs.values() if job.worker == name]
            return worker, state.jobs[worker.job] if worker.job else None, done

        worker, job, jobs = self._ask(look)
        lines = [
            ("name", name),
            ("GPUs", gpu_list(worker.gpus)),
            ("state", worker_state(worker)),
            ("jobs", str(len(jobs))),
        ]
        if job is not None:
            # As they stand in the config: true, not True.
            values = ", ".join(
                f"{key}={value if isinstance(value, str) else json.dumps(value)}"
                for key, value in job.parameters.items()
            )
            since = timedelta(seconds=int(time.time() - job.started))
            lines += [("job", job.name), ("since", f"{clock(job.started)} ({since})")]
            lines += [("values", values)] if values else []
        best = best_of(jobs)
        if best is not None:
            lines.append(("best", f"{natural(best.score, best.minimised):.4f} ({best.name})"))
        return "\n".join(f"{key:<8}{value}" for key, value in lines)

    def _summary(self) -> str:
        jobs: list[Job] = self._ask(lambda state: list(state.jobs.values()))
        scored = [job for job in jobs if job.ended is not None and job.score is not None]
        scored.sort(key=lambda job: -(job.score or 0.0))
        rows = [
            (
                clock(job.started),
                clock(job.ended or 0.0),
                job.name,
                f"{natural(job.score, job.minimised):.4f}",
                job.worker,
            )
            for job in scored[: self._keep]
        ]
        lines = [] if self._keep is None else [f"Top MMARs to keep: {self._keep}"]
        lines.append(table(("START", "END", "ROOT", "SCORE", "WORKER"), rows))
        running = sum(job.state in (JobState.QUEUED, JobState.RUNNING) for job in jobs)
        lines.append(f"{running} running, {len(jobs) - running - len(scored)} without a score")
        return "\n".join(lines)

    def _known(self, worker: str) -> str:
        """The worker; raises `Refused` with the nearest name, before the engine hears of it."""
        names: list[str] = self._ask(lambda state: list(state.workers))
        if worker in names:
            return worker
        close = nearest(worker, names)
        raise Refused(
            f"there is no worker {worker!r}", f"{close + ' ' if close else ''}({listed(names)})"
        )

    def _ask(self, function: Callable[[EngineState], Answer]) -> Answer:
        """Ask the engine's thread. What goes wrong there is raised here, and does it no harm."""
        failed: list[Exception] = []

        def safely(state: EngineState) -> object:
            try:
                return function(state)
            except Exception as error:
                failed.append(error)
                return None

        answer = self._engine.call(safely)
        if failed:
            raise failed[0]
        return answer  # type: ignore[return-value]  # it is what `function` returned


def _call(command: CommandSpec, words: Sequence[str]) -> str:
    """What a plug-in's command answers. Raises `Refused`, also in its name if it breaks."""
    reply = Reply()
    try:
        command.handler_func(reply, list(words))
    except Exception as error:
        raise Refused(f"{command.name} raised {type(error).__name__}: {error}") from error
    return reply.text()


def check_command(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """A command's name and its arguments. Raises `Refused` with what was probably meant."""
    if not words:
        raise Refused("no command", "help lists them")
    name, rest = words[0], list(words[1:])
    if name.startswith("?"):
        rest = [name[1:], *rest] if name != "?" else rest
        name = "help"
    command = COMMANDS.get(name)
    if command is None:
        raise Refused(
            f"there is no command {name!r}", nearest(name, COMMANDS) or "help lists the commands"
        )
    if command.worker and len(rest) != 1:
        raise Refused(f"{name} takes the name of one worker", f"{name} W1")
    if not command.worker and name != "help" and rest:
        raise Refused(f"{name} takes no arguments")
    return name, rest


def help_text(words: Sequence[str]) -> str:
    """All commands, or one in full. Raises `Refused` for one that does not exist."""
    if not words:
        lines = [(_usage(name), command.summary) for name, command in COMMANDS.items()]
        return table(lines[0], lines[1:])
    name = words[0]
    if name not in COMMANDS:
        raise Refused(f"there is no command {name!r}", nearest(name, COMMANDS) or "help lists them")
    command = COMMANDS[name]
    return f"{_usage(name)}: {command.summary}" + (
        f"\n{command.details}" if command.details else ""
    )


def worker_state(worker: WorkerState) -> str:
    """`idle`, `busy`, or `suspended` whether it still has a job or not."""
    if worker.suspended:
        return "suspended"
    return "idle" if worker.job is None else "busy"


def gpu_list(gpus: Sequence[int]) -> str:
    """`0,1`; `cpu` for none."""
    return ",".join(map(str, gpus)) or "cpu"


def nearest(word: str, names: Iterable[str]) -> str:
    """`did you mean W1?`, or nothing."""
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    return f"did you mean {lowered[close[0]]}?" if close else ""


def listed(names: Sequence[str]) -> str:
    """`W1, W2, W3`, cut where it gets long."""
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def clock(seconds: float) -> str:
    """A time as a person on this machine reads it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, in plain text."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )


def _usage(name: str) -> str:
    return f"{name} W1" if COMMANDS[name].worker else name
