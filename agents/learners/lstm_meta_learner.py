"""The LSTM meta-learner: a recurrent network replaces the optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from agents.settings import GradientSettings, InnerSteps, Look

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(GradientSettings):
    """LSTM meta-learner (Ravi and Larochelle 2017): a recurrent network replaces the optimiser.

    inner_steps: updates on each batch of support data. gates: read the state of an LSTM, as in the authors' code
    (`lstm`), or gradient and loss themselves, as in the paper's equations (`direct`). hidden: units of the LSTM.
    input_bias: initial bias of the input
    gate, +- 0.5; its sigmoid is the first step size. test_steps: updates in evaluation, inner_steps by default.
    """

    kind: Literal["lstm_meta_learner"] = "lstm_meta_learner"
    names: ClassVar[dict[str, Look]] = {"LSTM meta-learner": Look("orange", "D")}
    inner_steps: InnerSteps = 5
    gates: Literal["lstm", "direct"] = "lstm"
    hidden: Annotated[int, Field(ge=1, le=1000)] = 20
    input_bias: Annotated[float, Field(ge=-20, le=20)] = -4.5

    @model_validator(mode="after")
    def _has_units(self) -> Self:
        if self.gates == "direct" and self.hidden != 20:
            raise ValueError("hidden is of the LSTM in front of the gates: with gates direct leave it out")
        return self

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.learners.parts import classifier, penalty_options
        from agents.objectives import policy_gradient
        from agents.optimization import DirectGates, LstmMetaLearner, Supervised

        supervised = problem.is_supervised
        network = classifier(problem, self.embedding) if supervised else problem.policy_network()
        options = {} if supervised else {"rounds": self.rounds} | penalty_options(problem)
        kind = DirectGates if self.gates == "direct" else LstmMetaLearner
        learner = kind(
            network,
            problem.objective if supervised else policy_gradient,
            problem.objective,
            self.inner_steps,
            hidden=self.hidden,
            input_bias=self.input_bias,
            **options,
        )
        if not supervised:
            return learner
        return Supervised(learner, problem.way, self.test_steps or self.inner_steps, self.bn)
