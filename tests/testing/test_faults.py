"""The kit sees a component that breaks a promise, and names the plugin's own line."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from mabe_core import UserError
from mabe_core.discovery import load_plugins
from mabe_core.registry import KINDS
from mabe_core.testing import assert_passes, check_component, check_plugin

HEAD = """\
import attrs
import mabe_core as m

@attrs.frozen
class Config:
    \"\"\"A component.\"\"\"
    width: int = attrs.field(default=8, metadata={"help": "how wide"})

"""


def write(folder: Path, kind: str, build: str, more: str = "") -> Path:
    """Write a plugin file that offers one component, `broken`; its build begins on line 9."""
    spec = KINDS[kind].spec.__name__
    offer = f'\n\n@m.hookimpl\ndef {KINDS[kind].hook}():\n    return [m.{spec}(name="broken", config=Config, build=build{more})]\n'
    file = folder / "broken.py"
    file.write_text(HEAD + textwrap.dedent(build).strip() + offer, encoding="utf-8")
    return file


def module(forward: str, init: str = "self.fc = nn.Linear(data.input_dim, data.num_classes)") -> str:
    return f"""\
def build(config, data):
    import torch
    from torch import nn
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            {init}
        def forward(self, inputs):
            {forward}
    return Model()
"""


def call(body: str, context: int = 0) -> str:
    """Return a build whose component is one function of a pose, of scores or of an evaluation."""
    return f"""\
def build(config, given):
    import torch
    def call(it):
        {body}
    call.context = {context}
    return call
"""


def chain(body: str) -> str:
    """Return a build of post-processing that learns nothing."""
    return f"""\
def build(config, data, fitted):
    calls = []
    def post_process(it, fps):
        {body}
    return post_process
"""


def loss(body: str) -> str:
    return f"""\
def build(config, context):
    import torch
    def loss(scores, targets):
        known = targets >= 0
        right = scores.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
        {body}
    return loss
"""


def optimizer(step: str, more: str = "pass") -> str:
    return f"""\
def build(config, parameters):
    import torch
    class Sgd(torch.optim.Optimizer):
        count = 0
        def step(self):
            self.count += 1
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        {step}
    {more}
    return Sgd([p for _, p in parameters], dict(lr=1e-2))
"""


def dataset(labels: str = "labels[:, 0] = 1", points: str = "rng.normal(size=(50, 1, 2, 2))") -> str:
    return f"""\
def build(config, access):
    import numpy as np
    rng = np.random.default_rng(0)
    labels = np.zeros((50, 2), np.int8)
    {labels}
    points = ({points}).astype(np.float32)
    recording = m.Recording("r", points, 30.0, ("a",), ("n", "t"), (m.View((0,), labels),))
    return m.Dataset((recording,), ("x", "y"))
"""


def split(segments: str) -> str:
    return f"""\
def build(config):
    import random
    def split(recordings, context):
        last = len(recordings) - 1
        return m.Partition(({segments}))
    return split
"""


MODELS = [
    ("output at several shapes", "(3, 32)", module("return self.fc(inputs).sum(-1)")),
    ("output at several shapes", "not finite", module("return self.fc(inputs) / 0")),
    ("output at several shapes", "float64", module("return self.fc(inputs).double()")),
    ("gradients reach every parameter", "no gradient reaches spare.weight", module("return self.fc(inputs)", "self.fc = nn.Linear(data.input_dim, data.num_classes); self.spare = nn.Linear(2, 2)")),
    ("gradients reach every parameter", "no gradient reaches fc.weight", module("return self.fc(inputs).detach().requires_grad_()")),
    ("loss falls on a tiny problem", "does not fall", module("return self.fc(inputs * 0) * 1e-6")),
    ("evaluation repeats", "told `training`", module("return torch.nn.functional.dropout(self.fc(inputs), 0.5)")),
    ("each window by itself", "frames taken for batch", module("return self.fc(self.gru(inputs)[0])", "self.gru = nn.GRU(data.input_dim, 8); self.fc = nn.Linear(8, data.num_classes)")),
    ("batch of one", "IndexError", module("inputs[int(self.training)]; return self.fc(inputs)")),
    ("float64", "must have the same dtype", module("return self.fc(inputs.float())")),
    ("same seed same weights", "draw from torch's generator", module("return self.fc(inputs)", "self.fc = nn.Linear(data.input_dim, data.num_classes); self.fc.weight.data.mul_(__import__('random').random())")),
    ("save and reload", "kept outside of it", module("return self.fc(inputs) * self.scale", "self.fc = nn.Linear(data.input_dim, data.num_classes); self.scale = torch.rand(1).item()")),
    ("batch of one", "a batch of 1, it gives (32, 4), not (1, 32, 4)", module("return self.fc(inputs).squeeze(0)")),
    ("its input is left as it was", "work on a copy", module("return self.fc(inputs.clamp_(-1, 1))")),
    ("chance in training", "another generator than torch's", module("return self.fc(inputs) + (__import__('random').random() if self.training else 0)")),
    ("the seed is the experiments", "the experiment's seed decides nothing", module("return self.fc(inputs)", "torch.manual_seed(0); self.fc = nn.Linear(data.input_dim, data.num_classes)")),
    ("loss falls on a tiny problem", "all are frozen", module("return self.fc(inputs)", "self.fc = nn.Linear(data.input_dim, data.num_classes).requires_grad_(False)")),
    ("build", "not a torch module", "def build(config, data):\n    return 7"),
    ("build", "ZeroDivisionError", "def build(config, data):\n    return 1 / 0"),
]  # fmt: skip

FEATURES = [
    ("context is declared", "not -1", call("return it", context=-1)),
    ("context is honoured", "looks further than `context` says", call("return attrs.evolve(it, points=it.points - it.points.roll(1, -4))")),
    ("context is honoured", "it looks further", call("return attrs.evolve(it, points=it.points / 2 + 0 * it.points.cumsum(-4))").replace("0 *", "1e-3 *")),
    ("context is honoured", "at a recording's ends", call("step = torch.zeros_like(it.points); step[..., 1:, :, :, :] = it.points.diff(dim=-4); return m.Pose(it.points, {**it.columns, 'step': step.flatten(-3)})", context=1)),
    ("shapes and dtypes", "(80, 2, 3, 2) become (79, 2, 3, 2)", call("return attrs.evolve(it, points=it.points[1:])")),
    ("shapes and dtypes", "torch.float64 for points of torch.float32", call("return attrs.evolve(it, points=it.points.double())")),
    ("shapes and dtypes", "column speed is (80, 2, 3, 2)", call("return m.Pose(it.points, {'speed': it.points})")),
    ("earlier columns are kept", "is lost", call("return m.Pose(it.points)")),
    ("its input is left as it was", "work on a copy", call("it.points.nan_to_num_(0.0); return it")),
    ("earlier columns are kept", "is changed", call("[each.mul_(2) for each in it.columns.values()]; return it")),
    ("short recordings", "IndexError", call("it.points[4]; return it")),
    ("missing points", "infinite", call("return attrs.evolve(it, points=it.points.nan_to_num(1.0) / it.points.isfinite())")),
    ("finite where nothing is missing", "sit still", call("return attrs.evolve(it, points=it.points / (it.points - it.points.roll(1, -4)).norm())")),
    ("it repeats", "the second time", call("return attrs.evolve(it, points=it.points + torch.randn(()))")),
    ("each recording by itself", "the others of the batch", call("return attrs.evolve(it, points=it.points - it.points.nanmean(dim=(0,)))")),
]  # fmt: skip

AUGMENTATIONS = [
    ("it is random", "what is not random is a feature", call("return it")),
    ("windows and frames stay in place", "their labels stay", call("return attrs.evolve(it, points=it.points[torch.randperm(len(it.points))])")),
    ("windows and frames stay in place", "their labels stay", call("return attrs.evolve(it, points=it.points.roll(int(torch.randint(1, 10, ())), -4))")),
    ("same seed same result", "torch's generator only", call("return attrs.evolve(it, points=it.points * __import__('random').random())")),
]  # fmt: skip

LOSSES = [
    ("one finite number", "it gives (4, 20)", loss("return -right")),
    ("one finite number", "nan", loss("return -(right * known).mean() / 0 * 0")),
    ("differentiable", "no gradient reaches", loss("return (-right * known).mean() * 0")),
    ("differentiable", "the scores of window 1", loss("return -(right * known)[0].mean()")),
    ("differentiable", "the scores of class 1", loss("return -(right * known * (targets == 0)).mean()")),
    ("its input is left as it was", "into the targets", loss("targets.clamp_(min=0); return -(right * known).mean()")),
    ("a class without frames", "divides by the training frames", loss("return -(right * known).mean()").replace("import torch", "each = [1 / count for count in context.class_counts]")),
    ("unlabelled frames do not matter", "unlabelled", loss("return -right.mean()")),
    ("unlabelled frames do not matter", "the loss changes with", loss("return -(right * known).mean() - right.detach().mean()")),
    ("right is less than wrong", "right scores cost", loss("return (right * known).mean()")),
]  # fmt: skip

OPTIMIZERS = [
    ("it lowers a quadratic", "lead from", optimizer("p.add_(p.grad, alpha=group['lr'])")),
    ("every parameter moves", "leave 0.bias as it was", optimizer("p.sub_(p.grad, alpha=group['lr'] * (p.dim() > 1))")),
    ("its learning rate is the configs", "give it to the optimizer as `lr`", optimizer("p.sub_(p.grad, alpha=group['lr'])").replace("def build(config, parameters):", "@attrs.frozen\nclass Config:\n    \"Steps.\"\n    learning_rate: float = attrs.field(default=1e-3, metadata={'help': 'x'})\n\ndef build(config, parameters):")),
    ("a rate of 0 moves nothing", "would have no effect", optimizer("p.sub_(p.grad, alpha=1e-2)")),
    ("it resumes from a checkpoint", "leaves something out", optimizer("p.sub_(p.grad, alpha=group['lr'] * self.count)")),
    ("every parameter once", "hold 2 parameters of the 3", optimizer("p.sub_(p.grad, alpha=group['lr'])", "parameters = parameters[1:]")),
    ("build", "too many indices", "def build(config, parameters):\n    raise IndexError('too many indices')"),
]  # fmt: skip

OTHERS = [
    ("scheduler", "a finite factor at every step", "step 999 has the factor -1", "def build(config, schedule):\n    return lambda step: -1.0 if step == 999 else 1.0"),
    ("scheduler", "the step alone decides", "by the order in which it is asked", "def build(config, schedule):\n    calls = []\n    return lambda step: calls.append(0) or float(len(calls))"),
    ("scheduler", "a finite factor at every step", "'1', of type str", "def build(config, schedule):\n    return lambda step: '1'"),
    ("scheduler", "a factor and not a rate", "divide by schedule.learning_rate", "def build(config, schedule):\n    return lambda step: schedule.learning_rate / (step + 1)"),
    ("metric", "finite scores by name", "no score can be named 'a/b'", call("return {'a/b': it.confusion.trace() / max(it.confusion.sum(), 1)}")),
    ("metric", "finite scores by name", "a is '1', of type str", call("return {'a': '1'}")),
    ("split", "recordings are left as they were", "into the labels of recording0", split("*(m.Segment(n, 0, 99, 'train' if n or recordings[0].views[0].labels.fill(0) else 'validation') for n in (0, 1)),")),
    ("split", "another process gives the same", "sorted(…)", split("*(m.Segment(n, 0, 99, ('train', 'validation')[name in set(list({each.name for each in recordings})[:len(recordings) // 2])]) for n, name in enumerate(each.name for each in recordings)),")),
    ("dataset", "another process gives the same", "sorted(…)", dataset(points="rng.normal(size=(50, 1, 2, 2)) + hash('a text') % 1000")),
    ("metric", "finite scores by name", "without a frame has the", call("return {'a': 1.0} if it.confusion.sum() else {}")),
    ("metric", "finite scores by name", "is nan", call("return {'a': float('nan') if not it.confusion.sum() else 1.0}")),
    ("metric", "finite scores by name", "name the score otherwise", call("return {'loss': 1.0}")),
    ("metric", "perfect is better than all wrong", "unless lower_is_better names it", call("return {'error': 1 - it.confusion.trace() / max(it.confusion.sum(), 1)}")),
    ("metric", "finite scores by name", "read-only", call("it.confusion[0] = 0; return {'a': 1.0}")),
    ("post_processing", "probabilities for probabilities", "become", chain("return it[1:]")),
    ("post_processing", "probabilities for probabilities", "from 0 to 1", chain("return it + 1")),
    ("post_processing", "its input is left as it was", "work on a copy", chain("it *= 0.5; return it.copy()")),
    ("post_processing", "each recording by itself", "the second time", chain("calls.append(0); return it / len(calls)")),
    ("post_processing", "certainty is left as it is", "decided otherwise", chain("return 1 - it")),
    ("dataset", "labels are one zero or unlabelled", "the label 3", dataset("labels[:, 0] = 3")),
    ("dataset", "labels are one zero or unlabelled", "has 2 classes", dataset("labels[:] = 1")),
    ("dataset", "recordings keep their form", "it gave recording r with points", dataset(points="rng.normal(size=(50, 2, 2, 2))")),
    ("dataset", "it repeats", "seeded by the config", dataset(points="np.random.normal(size=(50, 1, 2, 2))")),
    ("split", "segments lie in their recordings", "to two segments", split("m.Segment(0, 0, 100, 'validation'), m.Segment(0, 50, 200, 'train')")),
    ("split", "segments lie in their recordings", "nothing for validation", split("m.Segment(0, 0, 100, 'train'),")),
    ("split", "no window reaches across", "windows see the other part", split("m.Segment(0, 0, 100, 'validation'), m.Segment(0, 110, 200, 'train')")),
    ("split", "a cut recording is told", "`notice` has to say", split("m.Segment(0, 0, 100, 'validation'), m.Segment(0, 150, 200, 'train')")),
    ("split", "the seed alone decides", "context.seed", split("m.Segment(0, 0, random.randint(9, 999), 'validation'), m.Segment(1, 0, 9, 'train')")),
    ("positional_encoding", "frames can be told apart", "cannot be told apart", "def build(config, shape):\n    from torch import nn\n    encoding = nn.Identity()\n    encoding.add = lambda x: x\n    return encoding"),
    ("positional_encoding", "output at several shapes", "neither add(x) nor rotate", "def build(config, shape):\n    from torch import nn\n    return nn.Identity()"),
    ("pose_reader", "nonsense is refused with its name", "raise DataError.at", "def build(config):\n    return lambda file: file.read_text().splitlines()[9]"),
    ("label_reader", "suffixes are told", "no suffixes", "def build(config):\n    return lambda file: 1"),
    ("label_reader", "nonsense is refused with its name", "as if it were one of its own", "def build(config):\n    return lambda file: None"),
]  # fmt: skip

CASES = [
    *[("model", *case) for case in MODELS],
    *[("feature", *case) for case in FEATURES],
    *[("augmentation", *case) for case in AUGMENTATIONS],
    *[("loss", *case) for case in LOSSES],
    *[("optimizer", *case) for case in OPTIMIZERS],
    *OTHERS,
]


@pytest.mark.parametrize(("kind", "check", "told", "build"), CASES, ids=lambda value: str(value)[:40])
def test_a_broken_promise_is_found_and_told_with_the_plugins_own_line(tmp_path, kind, check, told, build):
    file = write(tmp_path, kind, build)
    failed = {each.check: each for each in check_plugin(file) if each.status == "failed"}
    assert check in failed, f"{kind}: only {list(failed)} failed"
    assert told in failed[check].message
    assert failed[check].location.file == str(file)
    assert failed[check].location.line >= 9
    with pytest.raises(AssertionError, match=re.escape(told)):
        assert_passes(failed.values())


DOUBTS = [
    ("model", "scores and no probabilities", "sum to 1", module("return (8 * self.fc(inputs)).softmax(-1)")),
    ("model", "each window by itself in training", "with the others in the batch", module("x = self.fc(inputs); return x - x.mean(0) if self.training else x")),
    ("feature", "context is needed", "50 frames to either side, but 12 give the same", call("return it", context=50)),
    ("loss", "nothing labelled", "or by 1 where there are none", loss("return -(right * known).sum() / known.sum()")),
    ("loss", "stages", "expand the targets", loss("return -(right * known).mean()")),
    ("optimizer", "gradients are left as they were", "into the gradients", optimizer("p.grad.mul_(0.5); p.sub_(p.grad, alpha=group['lr'])")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "check", "told", "build"), DOUBTS, ids=lambda value: str(value)[:40])
def test_what_is_likely_wrong_is_a_warning_and_no_failure(tmp_path, kind, check, told, build):
    found = check_plugin(write(tmp_path, kind, build))
    assert_passes(found)
    warned = {each.check: each for each in found if each.status == "warned"}
    assert told in warned[check].message
    assert warned[check].location.line == 9


def test_an_optimizer_is_elementwise_where_its_spec_says_so(tmp_path):
    file = write(tmp_path, "optimizer", optimizer("p.sub_(p.grad / p.grad.norm(), alpha=group['lr'])"))
    assert_passes(check_plugin(file))
    file.write_text(file.read_text().replace("build=build)", "build=build, elementwise=True)"))
    (failed,) = [each for each in check_plugin(file) if each.status == "failed"]
    assert "leave `elementwise` out of its spec" in failed.message
    assert failed.location.line == 9


def test_a_component_is_checked_as_it_is_given_whatever_has_its_name(tmp_path):
    good, broken = (
        load_plugins(
            [write(tmp_path, "scheduler", f"def build(config, schedule):\n    return lambda step: {value}")]
        )
        for value in ("1.0", "'1'")
    )
    (spec,) = [each.spec for each in broken.all() if each.spec.name == "broken"]
    failed = [each for each in check_component(spec, registry=good) if each.status == "failed"]
    assert "'1', of type str" in failed[0].message


def test_a_name_that_a_file_offers_twice_is_told_once_and_both_are_checked(tmp_path):
    file = plugin(tmp_path, ("return [", "return 2 * ["))
    findings = check_plugin(file)
    (failed,) = [each for each in findings if each.status == "failed"]
    assert failed.message == f"scheduler 'broken' is offered twice by file {file}. Rename one."
    assert [each.check for each in findings].count("the step alone decides") == 2


def plugin(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write a plugin file that keeps all promises, but for changes of its text."""
    file = write(folder, "scheduler", "def build(config, schedule):\n    return lambda step: 1.0")
    text = file.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    file.write_bytes(text.encode(errors="surrogateescape"))
    return file


def test_a_plugin_that_keeps_all_promises_passes(tmp_path):
    assert all(finding.status == "passed" for finding in check_plugin(plugin(tmp_path)))


@pytest.mark.parametrize(
    ("change", "check", "told", "line"),
    [
        (("def mabe_schedulers", "def mabe_scheduler"), "loads", "no hook is named 'mabe_scheduler'. Did you mean 'mabe_schedulers'?", 12),
        (("@m.hookimpl\n", ""), "loads", "mark it with @hookimpl", 12),
        (("return [m.S", "return (m.S"), "loads", "SyntaxError", None),
        (("return [m.SchedulerSpec", "return ['x'] or [m.SchedulerSpec"), "loads", "must return SchedulerSpec, not str", 12),
        (("@attrs.frozen\n", ""), "loads", "no attrs class", 4),
        (("width: int", "width: Nowhere"), "loads", "NameError", 7),
        (("width: int", "width: 'Nowhere'"), "loads", "an annotation cannot be resolved", 4),
        (("(config, schedule)", "(config, schedule, extra)"), "loads", "missing a required argument: 'extra'", 9),
        (("import attrs\n", "import attrs\nimport torch\n"), "nothing heavy is imported at load", "torch", 2),
        (("import attrs\n", "import attrs\nimport sqlalchemy\n"), "nothing heavy is imported at load", "sqlalchemy is imported when the plugin is loaded", 2),
        (("import attrs\n", "import attrs\nfrom mabe_core import *\n"), "nothing heavy is imported at load", "write no `import *`", 2),
        (("import attrs\n", "import attrs\nimport os; os._exit(0)\n"), "loads", "the process that loads it ends, before it is loaded (exit status 0)", None),
        (("class Config:\n", "class Config:  # \udcff\n"), "loads", "a byte that is not utf-8", 5),
        (("import attrs\n", "import attrs  # \udcff\n"), "loads", "missing encoding declaration", 1),
        (("import attrs\n", "# coding: nonsense\nimport attrs\n"), "loads", "unknown encoding: nonsense", 1),
        (("import attrs\n", "import attrs\nimport beside\n"), "loads", "A local plugin is one file; more than one make a package", 2),
        (("import attrs\n", "import attrs\nfrom . import beside\n"), "loads", "A local plugin is one file; more than one make a package", 2),
        (("return [m.SchedulerSpec(name=\"broken\", config=Config, build=build)]", "return m.SchedulerSpec(name=\"broken\", config=Config, build=build)"), "loads", "not one by itself: put it in [ ]", 12),
        (("    return [m.S", "    yield [m.S"), "loads", "not a generator: `return [ … ]`", 12),
        (("@m.hookimpl\ndef mabe_schedulers", "def other"), "loads", "it implements no hook; hooks: ", None),
        (("width: int = attrs.field(default=8", "width: list[int] = attrs.field(default=[8]"), "no default is shared", "a list, in common: write a tuple", 4),
        (('    """A component."""\n', ""), "it is documented", "no docstring", 4),
        ((', metadata={"help": "how wide"}', ""), "it is documented", "width without a help", 4),
        (("    width: int = attrs", "    depth = 3\n    width: int = attrs"), "every setting is a field", "Config.depth has no type", 4),
        (("default=8", "default=8.5"), "settings are valid", "expects a whole number", 4),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_an_author_did_wrong_is_a_finding_with_its_line(tmp_path, change, check, told, line):
    (tmp_path / "beside.py").write_text("")
    file = plugin(tmp_path, change)
    failed = {each.check: each for each in check_plugin(file) if each.status == "failed"}
    assert check in failed, list(failed)
    assert told in failed[check].message
    assert failed[check].location.file == str(file)
    assert line in (None, failed[check].location.line)


def test_what_follows_from_one_fault_is_not_told_as_another(tmp_path):
    file = write(tmp_path, "model", module("return torch.nn.functional.dropout(self.fc(inputs), 0.5)"))
    assert [each.check for each in check_plugin(file) if each.status == "failed"] == ["evaluation repeats"]


def test_a_name_that_is_taken_is_told(tmp_path):
    file = plugin(tmp_path, ('name="broken"', 'name="cosine"'))
    failed = [each for each in check_plugin(file) if each.status == "failed"]
    assert [each.check for each in failed] == ["names are its own"]
    assert "'cosine' is offered by plugin schedulers (mabe-core" in failed[0].message


def test_a_component_with_required_settings_is_skipped_until_they_are_given(tmp_path):
    file = plugin(tmp_path, ("default=8, ", ""))
    skipped = [each for each in check_plugin(file) if each.status == "skipped"]
    assert "settings are needed: width" in skipped[0].message
    assert {each.status for each in check_plugin(file, settings={("scheduler", "broken"): {"width": 3}})} == {
        "passed"
    }


def test_a_plugin_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(
        UserError, match=r"no module 'mabe_plugins.loses'. Did you mean 'mabe_plugins.losses'\?"
    ):
        check_plugin("mabe_plugins.loses")
    with pytest.raises(UserError, match=r"nowhere.py: plugin file cannot be read: No such file"):
        check_plugin("nowhere.py")
