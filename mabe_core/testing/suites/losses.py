"""What a loss promises: one number, differentiable, to which unlabelled frames are nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import attrs
import torch
from torch import Tensor

from mabe_core.errors import UserError
from mabe_core.exchange import UNLABELLED, LossContext
from mabe_core.specs import LossSpec
from mabe_core.testing.findings import Doubt, Fault, Subject, Suite
from mabe_core.testing.samples import data_shape, noise

SHAPE = data_shape(6, 3, 20)
BATCH = 4


@attrs.frozen(eq=False)
class LossCase:
    """A loss, scores (batch, frames, classes) and targets of its form, a third of the frames unlabelled."""

    loss: Callable[[Tensor, Tensor], Tensor]
    scores: Tensor
    targets: Tensor
    labelled: Tensor  # bool (batch, frames)
    right: Tensor  # scores that are high for each frame's class
    subject: Subject


def prepare(subject: Subject) -> LossCase:
    """Build the loss, and targets as its spec asks for: one class a frame, or any number."""
    loss = subject.build(LossContext(SHAPE, (50, 30, 20)))
    frames = (BATCH, SHAPE.sequence_length)
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(SHAPE.num_classes, frames, generator=generator)
    labelled = torch.rand(frames, generator=generator) > 1 / 3
    onehot = torch.nn.functional.one_hot(classes, SHAPE.num_classes)
    if cast("LossSpec[object]", subject.spec).exclusive:
        targets = classes.masked_fill(~labelled, UNLABELLED)
    else:
        targets = onehot.to(torch.int8).masked_fill(~labelled[..., None], UNLABELLED)
    return LossCase(loss, noise(*frames, SHAPE.num_classes), targets, labelled, 6.0 * onehot - 3.0, subject)


def one_finite_number(case: LossCase) -> None:
    """It maps scores and targets to one finite number."""
    for dtype in (torch.float32, torch.float64):
        loss = case.loss(case.scores.to(dtype), case.targets)
        if not isinstance(loss, Tensor) or loss.dim():
            found = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise Fault(f"it gives {found}, not one number")
        if loss.dtype != dtype:
            raise Fault(f"it gives {loss.dtype} for scores of {dtype}")
        if not loss.isfinite():
            raise Fault(f"it gives {loss.item()} for ordinary scores")


def _gradient(case: LossCase) -> Tensor:
    scores = case.scores.clone().requires_grad_()
    case.loss(scores, case.targets).backward()  # type: ignore[no-untyped-call]
    if scores.grad is None:
        raise Fault("no gradient reaches the scores")
    return scores.grad


def differentiable(case: LossCase) -> None:
    """A finite gradient reaches the scores of every window and every class."""
    gradient = _gradient(case)
    if not gradient.isfinite().all():
        raise Fault("the gradient is not finite")
    if not gradient[case.labelled].any():
        raise Fault("no gradient reaches the scores of labelled frames")
    for what, reached in (("window", gradient.any(-1).any(-1)), ("class", gradient.flatten(0, 1).any(0))):
        if not reached.all():
            missed = int(reached.int().argmin())
            raise Fault(f"no gradient reaches the scores of {what} {missed}, though it has labelled frames")


def stages(case: LossCase) -> None:
    """Scores of several stages, (stages, batch, frames, classes), are judged as those of one are."""
    staged = torch.stack([case.scores, -case.scores])
    try:
        loss = case.loss(staged, case.targets)
    except (RuntimeError, ValueError, IndexError) as error:
        raise Doubt(
            f"scores of two stages, {tuple(staged.shape)}, raise {type(error).__name__}: {error}. A model of "
            "several stages cannot be trained with it: expand the targets to scores.shape[:-1]"
        ) from error
    if not isinstance(loss, Tensor) or loss.dim():
        raise Doubt(f"scores of two stages, {tuple(staged.shape)}, do not give one number")


def nothing_labelled(case: LossCase) -> None:
    """A batch without a labelled frame costs a finite number; where it does not, it is counted as 0."""
    loss = case.loss(case.scores, torch.full_like(case.targets, UNLABELLED))
    if not loss.isfinite().all():
        raise Doubt(
            "it is not finite where no frame is labelled: divide by the number of labelled frames, or by 1 "
            "where there are none"
        )


def a_class_without_frames(case: LossCase) -> str:
    """It can be built where the training recordings have no frame of a class, and stays finite."""
    try:
        loss = case.subject.build(LossContext(SHAPE, (50, 0, 20)))
    except UserError as error:
        return f"refuses a class without a training frame: {error}"
    except ZeroDivisionError as error:
        raise Fault("it divides by the training frames of a class, which may be 0") from error
    if not loss(case.scores, case.targets).isfinite():
        raise Fault("it is not finite where a class has no training frame: its weight may be 1 / 0")
    return ""


def its_input_is_left_as_it_was(case: LossCase) -> None:
    """Nothing is written into the scores and targets that it is given."""
    scores, targets = case.scores.clone(), case.targets.clone()
    case.loss(scores, targets)
    for what, given, before in (("scores", scores, case.scores), ("targets", targets, case.targets)):
        if not torch.equal(given, before):
            raise Fault(f"it writes into the {what} that it is given: work on a copy")


def unlabelled_frames_do_not_matter(case: LossCase) -> None:
    """Other scores for frames without a label change neither loss nor gradient."""
    if _gradient(case)[~case.labelled].any():
        raise Fault("a gradient reaches frames whose target is -1, unlabelled")
    other = torch.where(case.labelled[..., None], case.scores, case.scores + 5.0)
    if not torch.allclose(case.loss(other, case.targets), case.loss(case.scores, case.targets)):
        raise Fault("the loss changes with the scores of frames whose target is -1, unlabelled")


def right_is_less_than_wrong(case: LossCase) -> None:
    """Scores that are high for the right class cost less than those that are low for it."""
    right, wrong = case.loss(case.right, case.targets).item(), case.loss(-case.right, case.targets).item()
    if not right < wrong:
        raise Fault(f"right scores cost {right:.4g}, wrong ones {wrong:.4g}")


def values(case: LossCase) -> Iterator[Tensor]:
    """Yield loss and gradient of made-up scores."""
    yield case.loss(case.scores.double(), case.targets)
    yield _gradient(case)


SUITE = Suite(
    (
        its_input_is_left_as_it_was,
        one_finite_number,
        differentiable,
        unlabelled_frames_do_not_matter,
        nothing_labelled,
        right_is_less_than_wrong,
        stages,
        a_class_without_frames,
    ),
    prepare,
    values,
)
