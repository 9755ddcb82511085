"""The report of a search of 1,000 jobs: how long it takes, how large its page is.

The goals: every form under 5 s from the command line, the page under 10 MB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.made_run import make_run

JOBS = 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, page = Path(folder, "mmar"), Path(folder, "report.html")
        make_run(root, JOBS, validations=50)
        print(f"{JOBS} jobs, 50 validations each")
        for words in (["report"], ["report", "--json"], ["report", "--csv"],
                      ["report", "--html", str(page)], ["runs"], ["best"]):  # fmt: skip
            argv = [sys.executable, "-m", "mmar_automl", words[0], str(root), *words[1:]]
            began = time.perf_counter()
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            print(f"{' '.join(words[:2]):16} {time.perf_counter() - began:5.2f} s")
        print(f"page {page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
