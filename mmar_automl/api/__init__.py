"""The classes that a user may subclass, and the seams that we fill ourselves."""

from mmar_automl.api.commands import CommandModule, CommandModuleSpec, CommandSpec, Reply
from mmar_automl.api.controller import Controller
from mmar_automl.api.executor import Executor, JobFailed
from mmar_automl.api.handler import Handler
from mmar_automl.api.launcher import Handle, JobCommand, Launcher, ProcessState
from mmar_automl.api.pruner import GO_ON, Decision, Progress, Pruner, Verdict
from mmar_automl.api.scheduler import Scheduler, Worker

__all__ = [
    "GO_ON",
    "CommandModule",
    "CommandModuleSpec",
    "CommandSpec",
    "Controller",
    "Decision",
    "Executor",
    "Handle",
    "Handler",
    "JobCommand",
    "JobFailed",
    "Launcher",
    "ProcessState",
    "Progress",
    "Pruner",
    "Reply",
    "Scheduler",
    "Verdict",
    "Worker",
]
