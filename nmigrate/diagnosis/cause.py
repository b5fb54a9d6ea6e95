"""What a failure is, said to a person: why, what to do next, who can; and the proof of it in the cloud's own words."""

from dataclasses import dataclass, replace
from typing import Any

from nmigrate.sentences import keep

HELPDESK, OPERATOR = "helpdesk", "operator"


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that the cloud said: at which step (Nova's name of it, or a Sentence), on which host, under which of
    its request ids."""

    said: str
    step: str = ""
    host: str = ""
    request_id: str = ""

    def as_json(self) -> dict[str, str]:
        step = keep(self.step)
        return {"said": self.said, "step": step, "host": self.host, "request_id": self.request_id}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a move failed. `what` is set only where more is to be said than that it did not work."""

    key: str
    why: str
    next_step: str
    who: str
    what: str = ""
    proofs: tuple[Proof, ...] = ()

    @property
    def said(self) -> str:
        """The cloud's own words, one line each with step and host."""
        return "\n".join(_line(proof) for proof in self.proofs if proof.said)

    def fields(self) -> dict[str, Any]:
        """As models.Migration keeps it, `failure` apart."""
        return {
            "why": self.why,
            "next_step": self.next_step,
            "next_step_by": self.who,
            "cause": self.key,
            "nova_said": self.said,
            "evidence": [proof.as_json() for proof in self.proofs],
        }

    def proved_by(self, *proofs: Proof) -> "Cause":
        return replace(self, proofs=(*self.proofs, *proofs))


def _line(proof: Proof) -> str:
    where = f" on {proof.host}" if proof.host else ""
    return f"{proof.step}{where}: {proof.said}".removeprefix(": ").strip()
