"""Which classes pictures belong to, of which a few examples are shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metarl.cli.common import PICTURES, RunArg, console, no_overrides, writable
from metarl.cli.images import images_from
from metarl.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from metarl.deploy.classifier import Classifier


class Answers(NamedTuple):
    """Pictures [h, w, c] of the classes and of the queries, and the probability of each class for each query."""

    support: dict[str, list[NDArray[np.uint8]]]
    files: list[Path]
    queries: list[NDArray[np.uint8]]
    probabilities: NDArray[np.float64]  # [Q, C]


@dataclass
class Predict:
    """Tell which class each picture belongs to, after a few examples of each: with any run on images.

        metarl predict prototypical_images --support shown --query asked

    shown/ holds a folder of PNG, JPEG or WebP files for each class, of any number of them; asked/ holds the pictures.
    """

    run: RunArg
    support: Path
    """a folder with one folder of pictures a class"""
    query: Path
    """the folder of the pictures that are to be named"""
    out: Path | None = None
    """the picture to write: png, svg or pdf; by default predictions.png in the run's folder"""
    data: Path | None = None
    """of images: where the folder of the training lies now, or packed Omniglot"""
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.deploy.loading import classifier
        from metarl.runs import folder as runs

        run = runs.find(self.run)
        out = self.out or run.path / "predictions.png"
        writable(out, PICTURES)
        chosen = classifier(run)
        answers = self._answers(chosen)
        self._draw(chosen, answers, out)
        self._report(chosen, answers, out)
        return 0

    def _answers(self, chosen: Classifier) -> Answers:
        """Raises UserError, in one sentence, for folders without pictures and for pictures that cannot be read."""
        import numpy as np

        from envs.fewshot.image_folders import find, pictures_in
        from envs.fewshot.pictures import read_all

        form = chosen.form._replace(inverted=False)
        try:
            if not self.query.is_dir():
                raise ValueError(f"--query is {str(self.query)!r}, expected a folder of pictures")
            shown, root = find(self.support), self.query.resolve()
            files = list(pictures_in(root, root))
            if self.data is not None or chosen.needs_images(len(shown.paths), len(shown.names)):
                images_from(self.data, chosen.run.config)
            support = [x.transpose(1, 2, 0) for x in read_all(shown.paths, form, shown.root)]
            queries = [x.transpose(1, 2, 0) for x in read_all(files, form, root)]
        except ValueError as error:
            raise UserError(str(error)) from None
        labels = np.repeat(np.array(shown.names), [len(paths) for paths in shown.files])
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(labels))  # mixed, as in training
        chosen.fit([support[i] for i in order], labels[order])
        by_class = {n: [x for x, label in zip(support, labels, strict=True) if label == n] for n in chosen.classes_}
        return Answers(by_class, files, queries, chosen.predict_proba(queries))

    def _draw(self, chosen: Classifier, answers: Answers, out: Path) -> None:
        from metarl.reporting.predictions import Shown, caption, draw_predictions

        best, p = answers.probabilities.argmax(1), answers.probabilities.max(1)
        asked = [Shown(x, caption(chosen.classes_[i], q)) for x, i, q in zip(answers.queries, best, p, strict=True)]
        draw_predictions(answers.support, asked, chosen.name, out)

    def _report(self, chosen: Classifier, answers: Answers, out: Path) -> None:
        from metarl.evaluation.text_table import TextTable

        names = [str(name) for name in chosen.classes_]
        rows = [
            {"file": path.name, "class": names[p.argmax()], "probability": float(p.max())}
            | {"probabilities": dict(zip(names, p.tolist(), strict=True))}
            for path, p in zip(answers.files, answers.probabilities, strict=True)
        ]
        if self.json:
            print(json.dumps({"run": chosen.name, "picture": str(out), "predictions": rows}, indent=1))
            return
        notes = (
            ["the answer to one picture depends on the others (bn transductive)"] if chosen.depends_on_others else []
        )
        cells = [[str(row["file"]), str(row["class"]), f"{row['probability']:.3f}"] for row in rows]
        counts = ", ".join(f"{name} ({len(pictures)})" for name, pictures in answers.support.items())
        table = TextTable(f"{chosen.name}: {counts}", ["file", "class", "probability"], cells, notes, "llr")
        console.print(table.to_terminal())
        console.print(f"wrote {out}", soft_wrap=True)
