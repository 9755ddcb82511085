"""The only place that spells a file name inside an MMAR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MmarLayout:
    """The paths of one MMAR, base or job; nothing here touches the disk."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def train_config(self) -> Path:
        return self.config / "config_train.json"

    @property
    def automl_config(self) -> Path:
        return self.config / "config_automl.json"

    @property
    def environment(self) -> Path:
        return self.config / "environment.json"

    @property
    def commands(self) -> Path:
        return self.root / "commands"

    @property
    def round_script(self) -> Path:
        """The script that trains one job; the only one that a search needs."""
        return self.commands / "automl_train_round.sh"

    @property
    def custom(self) -> tuple[Path, ...]:
        """The folders of a user's own Python: 4.x's and 3.x's."""
        return (self.root / "custom", self.root / "BYOC")

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def checkpoint(self) -> Path:
        """The best model by key metric: `{"model": state_dict, "train_conf": config}`."""
        return self.models / "model.pt"

    @property
    def final_checkpoint(self) -> Path:
        """The model as it was when the training ended, in the same form."""
        return self.models / "final_model.pt"

    @property
    def resume_checkpoint(self) -> Path:
        """Everything that a training needs to go on where it stopped."""
        return self.models / "resume.pt"

    @property
    def train_stats(self) -> Path:
        """The score file; see `jobs.result`."""
        return self.models / "train_stats.json"

    @property
    def progress(self) -> Path:
        """A line for each validation; see `jobs.result`."""
        return self.models / "progress.jsonl"

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    @property
    def samples(self) -> Path:
        """What a job takes of the machine, a line for each look at it."""
        return self.root / "system.jsonl"

    @property
    def job(self) -> Path:
        """Who this job is: recommendation, worker, state, times, exit status."""
        return self.root / "job.json"

    @property
    def exit_status(self) -> Path:
        """Written when the round script ends, for a search that was not there to see it."""
        return self.root / "exit_status"

    @property
    def automl(self) -> Path:
        """The folder of all searches on this MMAR."""
        return self.root / "automl"

    @property
    def mlflow_store(self) -> Path:
        """The default tracking store, shared by all searches on this MMAR."""
        return self.automl / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        return self.automl / "mlartifacts"


@dataclass(frozen=True)
class RunLayout:
    """The paths of one search: `<MMAR>/automl/<run_id>`, or under `work_dir`."""

    root: Path

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the process that writes the journal; says who that is."""
        return self.root / "lock"

    @property
    def console(self) -> Path:
        """Where the running search takes commands; for its user alone."""
        return self.root / "console.json"

    @property
    def tracking(self) -> Path:
        """Where the search is recorded and as what, for whoever sends what is missing."""
        return self.root / "tracking.json"

    @property
    def configs(self) -> Path:
        """The base's configs as they were when the search began."""
        return self.root / "config"

    @property
    def trace(self) -> Path:
        return self.root / "trace.log"

    @property
    def best(self) -> Path:
        """A relative link to the best job's folder, or a copy where links fail."""
        return self.root / "best"

    @property
    def stats(self) -> Path:
        return self.root / "stats.json"

    @property
    def jobs_table(self) -> Path:
        return self.root / "jobs.csv"

    def job(self, name: str) -> MmarLayout:
        """The MMAR of one job."""
        return MmarLayout(self.root / name)
