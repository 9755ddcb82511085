"""A Methods paragraph with the figures filled in, ready for a paper."""

from __future__ import annotations

from collections import Counter

from mmar_automl.defs import Choices, Parameter, RunState
from mmar_automl.reports.record import Record
from mmar_automl.reports.words import duration, value_text
from mmar_automl.search import describe

_LISTED = 12


def methods(record: Record) -> str:
    """What was searched, how, with what result, and what that result is not."""
    report, cost = record.report, record.cost
    version = ", ".join(dict.fromkeys(life.version for life in record.lives))
    controller = record.facts.get("controller") or report.controller or "its default controller"
    parts = [f"Hyperparameters were searched with mmar-automl {version} ({controller})."]
    if record.space is not None and len(record.space):
        listed = [_parameter(parameter) for parameter in record.space.parameters[:_LISTED]]
        more = len(record.space) - len(listed)
        if more > 0:
            listed.append(f"and {more} more")
        parts.append(
            f"The search space had {_count(len(record.space), 'parameter')}: {'; '.join(listed)}."
        )
    parts.append(_jobs(record))
    # `--set` goes before the config, as it does in the trainings.
    epochs = record.overrides.get("epochs", (record.base or {}).get("epochs"))
    if isinstance(epochs, int) and not any("epochs" in row.parameters for row in report.rows):
        parts.append(f"A training had at most {epochs} epochs.")
    winner = report.winner
    if winner is not None and winner.score is not None:
        best = "lowest" if report.minimised else "highest"
        epoch = "" if winner.epoch is None else f" (epoch {winner.epoch})"
        values = ", ".join(
            f"{name} = {value_text(value)}" for name, value in winner.parameters.items()
        )
        parts.append(
            f"The score of a configuration is the {best} {report.metric} over the validations of "
            f"its training. The best configuration ({values}) reached {winner.score:.4f}{epoch}."
        )
    workers = len(cost.workers)
    gpu = f" and {cost.gpu / 3600:.2f} GPU hours" if cost.gpu else " on CPU"
    still = " so far" if report.state is RunState.RUNNING else ""
    parts.append(
        f"The search took {duration(cost.elapsed)}{still} on {_count(workers, 'worker')}: "
        f"{cost.busy / 3600:.2f} worker hours{gpu}."
    )
    seeds = record.facts.get("seeds")
    if seeds:
        parts.append(f"Random seeds: {seeds}.")
    if winner is not None:
        parts.append(
            "The configuration was selected on the same validation data that its score is "
            "measured on, so the score is optimistic and needs confirmation on held-out data."
        )
    return " ".join(parts)


def _jobs(record: Record) -> str:
    rows = record.report.rows
    states = Counter(row.state for row in rows)
    said = [f"{count} {str(state).replace('_', ' ')}" for state, count in states.items()]
    retried = sum(row.attempt > 1 for row in rows)
    again = f"; {_count(retried, 'job')} took more than one attempt" if retried else ""
    were = "was" if len(rows) == 1 else "were"
    counts = ", ".join(said) or "none"
    return f"{_count(len(rows), 'configuration')} {were} trained ({counts}{again})."


def _parameter(parameter: Parameter) -> str:
    name = "/".join(parameter.names)
    domain = parameter.domain
    if isinstance(domain, Choices):
        options = " | ".join("/".join(map(describe.text, option)) for option in domain.options[:8])
        return f"{name} ({options}{' | …' if len(domain) > 8 else ''})"
    scale = ", log scale" if domain.scale == "log" else ""
    whole = ", whole numbers" if parameter.type == "int" else ""
    return f"{name} ({domain.min:g} to {domain.max:g}{scale}{whole})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
