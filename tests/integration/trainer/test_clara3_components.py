"""The small components of `clara3`: their numbers, beside MONAI's and torch's."""

import math

import pytest


@pytest.fixture
def image():
    import torch
    from monai.data import MetaTensor

    return MetaTensor(torch.linspace(0, 1, 512).reshape(1, 8, 8, 8), meta={"filename_or_obj": "/x"})


def test_intensities_are_scaled_and_shifted(image):
    """`v · (1 + s) + o` with what was drawn, the same for all keys, metadata kept."""
    import torch

    from mmar_automl.trainer.clara3.transforms import RandScaleShiftIntensityd

    step = RandScaleShiftIntensityd(["a", "b"], scale=0.2, shift=0.3)
    step.set_random_state(seed=1)
    drawn = []
    for _ in range(200):
        made = step({"a": image, "b": image, "c": image})
        factor = float(made["a"].max() - made["a"].min())
        offset = float(made["a"].min())
        assert torch.allclose(made["a"].as_tensor(), image.as_tensor() * factor + offset, atol=1e-6)
        assert torch.equal(made["a"], made["b"])
        assert made["c"] is image
        drawn.append((factor - 1, offset))
    scales, shifts = zip(*drawn, strict=True)
    assert max(map(abs, scales)) <= 0.2 + 1e-6
    assert max(map(abs, shifts)) <= 0.3 + 1e-6
    # Evenly drawn: 200 draws reach near both ends, and their mean is near the middle.
    assert min(scales) < -0.17 < 0.17 < max(scales)
    assert min(shifts) < -0.25 < 0.25 < max(shifts)
    assert abs(sum(scales) / 200) < 0.03
    assert made["a"].meta["filename_or_obj"] == "/x"
    assert float(image.min()) == 0
    assert float(image.max()) == 1


def test_a_probability_is_one(image):
    """Nothing is changed in the other cases, and labels of whole numbers stay what they are."""
    import torch

    from mmar_automl.trainer.clara3.transforms import RandScaleShiftIntensityd

    never = RandScaleShiftIntensityd("a", prob=0.0)
    assert torch.equal(never({"a": image})["a"], image)
    half = RandScaleShiftIntensityd("a", prob=0.5)
    half.set_random_state(seed=0)
    changed = sum(not torch.equal(half({"a": image})["a"], image) for _ in range(400))
    assert 160 < changed < 240


def test_noise_has_the_variance_asked_for():
    """Each time; MONAI draws the deviation anew by default."""
    import torch

    from mmar_automl.trainer.clara3.transforms import RandVarianceNoised

    step = RandVarianceNoised("a", prob=1.0, variance=0.25)
    step.set_random_state(seed=0)
    for _ in range(3):
        noise = step({"a": torch.zeros(1, 40, 40, 40)})["a"]
        assert abs(float(noise.var()) - 0.25) < 0.01
        assert abs(float(noise.mean())) < 0.01


def test_a_case_smaller_than_the_crop_is_filled_up():
    """With zeros at both ends, image and label alike; any other case is cropped as by MONAI."""
    import torch
    from monai.transforms import RandCropByPosNegLabeld

    from mmar_automl.trainer.clara3.transforms import RandPosNegCropd

    keys, size = ["image", "label"], [8, 8, 8]
    label = torch.zeros(1, 12, 12, 5)
    label[:, 4:9, 4:9, 1:4] = 1
    step = RandPosNegCropd(keys, "label", size, pos=1, neg=0, num_samples=4)
    step.set_random_state(seed=0)
    for crop in step({"image": label + 1, "label": label}):
        assert crop["image"].shape == crop["label"].shape == (1, 8, 8, 8)
        assert float(crop["label"].sum()) > 0
        # Eight slices of which five are the case's: one before, two behind.
        filled = [float(crop["image"][..., z].abs().sum()) == 0 for z in range(8)]
        assert filled == [True, False, False, False, False, False, True, True]
    large = {"image": torch.rand(1, 12, 12, 12), "label": (torch.rand(1, 12, 12, 12) > 0.5).float()}
    ours, theirs = RandPosNegCropd(keys, "label", size), RandCropByPosNegLabeld(keys, "label", size)
    for other in (ours, theirs):
        other.set_random_state(seed=3)
    (one,), (two,) = ours(large), theirs(large)
    assert all(torch.equal(one[key], two[key]) for key in keys)
    (whole,) = RandPosNegCropd(keys, "label", [-1, 8, 16])(large)
    assert whole["image"].shape == (1, 12, 8, 16)


def test_a_turned_crop_keeps_label_and_image_together():
    """Labels stay whole numbers; each crop has the size asked for; a cache does not keep it."""
    import torch
    from monai.transforms import RandomizableTrait

    from mmar_automl.trainer.clara3.transforms import RandCropROId

    label = torch.zeros(1, 20, 20, 20)
    label[:, 5:15, 5:15, 5:15] = 1
    step = RandCropROId("image", "label", [8, 8, 8], num_samples=3, rotate_degrees=20, scale=0.1)
    step.set_random_state(seed=0)
    made = step({"image": label * 5, "label": label})
    assert len(made) == 3
    for crop in made:
        assert crop["image"].shape == crop["label"].shape == (1, 8, 8, 8)
        assert set(crop["label"].unique().tolist()) <= {0.0, 1.0}
        inside = crop["label"][0] > 0
        if inside.any() and not inside.all():
            assert crop["image"][0][inside].mean() > crop["image"][0][~inside].mean()
    assert isinstance(step, RandomizableTrait)
    plain = RandCropROId("image", "label", [8, 8, 8])
    assert len(plain.transforms) == 1


def rates(policy, optimizer, epochs):
    seen = []
    for _ in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        policy.step()
    return seen


def optimizer():
    import torch

    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def test_a_cosine_is_torchs_at_half_the_rate():
    from torch.optim.lr_scheduler import CosineAnnealingLR

    from mmar_automl.trainer.clara3.schedulers import ReduceCosine

    ours, theirs = optimizer(), optimizer()
    one = rates(ReduceCosine(ours, 10, 0.5), ours, 10)
    assert one == pytest.approx(rates(CosineAnnealingLR(theirs, 10), theirs, 10))
    other = optimizer()
    quarter = rates(ReduceCosine(other, 10, 0.25), other, 13)
    assert quarter[:10] == pytest.approx([lr / 2 for lr in one])
    assert quarter[10:] == pytest.approx([0, 0, 0])


def test_a_policy_of_powers_is_what_clara_calls_it():
    """`lr · (1 − epoch / epochs) ^ power`, which torch's PolynomialLR is."""
    from torch.optim.lr_scheduler import PolynomialLR

    one = optimizer()
    seen = rates(PolynomialLR(one, total_iters=10, power=0.9), one, 10)
    assert seen == pytest.approx([0.1 * (1 - epoch / 10) ** 0.9 for epoch in range(10)])


def test_group_norm_has_no_more_groups_than_channels():
    """Layer by layer, whatever number is asked for; and the weights are those of any other."""
    import torch
    from torch import nn

    from mmar_automl.trainer.clara3.networks import SegResnet

    def groups(network):
        norms = (m for m in network.modules() if isinstance(m, nn.GroupNorm))
        return {m.num_channels: m.num_groups for m in norms}

    shape = {"blocks_down": [1, 1, 1], "blocks_up": [1, 1]}
    assert groups(SegResnet(init_filters=2, groups=8, **shape)) == {2: 2, 4: 4, 8: 8}
    assert groups(SegResnet(init_filters=6, groups=4, **shape)) == {6: 2, 12: 4, 24: 4}
    assert groups(SegResnet(init_filters=2, norm="batch", **shape)) == {}
    network = SegResnet(init_filters=2, out_channels=3, **shape)
    assert network(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3, 16, 16, 16)
    with pytest.raises(ValueError, match="norm is group, batch, instance, not 'layer'"):
        SegResnet(norm="layer")


def test_a_variational_branch_is_there_in_training_alone():
    """Its loss has an effect on the weights, and none on a validation of another size."""
    import torch
    from torch import nn

    from mmar_automl.trainer.clara3.losses import Penalised
    from mmar_automl.trainer.clara3.networks import SegResnetVae

    network = SegResnetVae([16, 16, 16], init_filters=4, blocks_down=[1, 1], blocks_up=[1])
    groups = {m.num_channels: m.num_groups for m in network.modules()
              if isinstance(m, nn.GroupNorm)}  # fmt: skip
    assert groups == {4: 4, 8: 8, 16: 8}
    loss = Penalised(nn.MSELoss(), network)
    assert list(loss.parameters()) == []
    image = torch.rand(2, 1, 16, 16, 16)
    logits = network(image)
    bare = nn.MSELoss()(logits, logits.detach())
    found = loss(logits, logits.detach())
    expected = bare.item() + 0.1 * network.penalty.item()
    assert found.item() == pytest.approx(expected)
    found.backward()
    assert float(network.vae_fc1.weight.grad.abs().sum()) > 0
    network.eval()
    with torch.no_grad():
        assert network(torch.rand(1, 1, 24, 16, 8)).shape == (1, 2, 24, 16, 8)
        assert float(loss(torch.ones(3), torch.ones(3))) == 0


def test_networks_give_logits_of_every_class():
    import torch
    from monai.networks.nets import AHNet

    from mmar_automl.trainer.clara3.networks import Unet

    unet = Unet(channels=[4, 8, 8], out_channels=3, norm="group", groups=8)
    assert unet(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3, 16, 16, 16)
    # As SegAhnet is translated: torch knows no size smaller than what it halves five times.
    hybrid = AHNet(spatial_dims=3, in_channels=1, out_channels=2, psp_block_num=0).eval()
    with torch.no_grad():
        assert hybrid(torch.zeros(1, 1, 64, 64, 32)).shape == (1, 2, 64, 64, 32)


def test_a_negative_loss_is_the_loss_turned():
    import torch
    from monai.losses import DiceLoss

    from mmar_automl.trainer.clara3.losses import Negative

    one, other = torch.rand(2, 1, 4, 4, 4), torch.ones(2, 1, 4, 4, 4)
    loss = DiceLoss()
    assert float(Negative(loss)(one, other)) == -float(loss(one, other))
    assert math.isfinite(float(loss(one, other)))


@pytest.mark.parametrize("softmax", [True, False])
def test_a_focal_loss_is_monais_where_that_has_a_background(softmax):
    """And never 0 without one, as MONAI's is for two classes and a softmax."""
    import torch
    from monai.losses import FocalLoss

    from mmar_automl.trainer.clara3.losses import Focal

    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 4, 4, 4), torch.randint(0, 3, (2, 1, 4, 4, 4)).float()
    ours = Focal(to_onehot_y=True, softmax=softmax)
    theirs = FocalLoss(to_onehot_y=True, use_softmax=softmax)
    assert float(ours(logits, target)) == pytest.approx(float(theirs(logits, target)), rel=1e-5)
    two, one = logits[:, :2].requires_grad_(), (target > 0).float()
    loss = Focal(include_background=False, to_onehot_y=True, softmax=softmax)(two, one)
    assert loss.item() > 0.01
    loss.backward()
    assert float(two.grad.abs().sum()) > 0
    if softmax:
        # By hand: only the foreground's voxels, each with the share of its softmax.
        p = two.detach().softmax(1)[:, 1:]
        by_hand = (-((1 - p) ** 2) * p.log() * one).mean()
        assert loss.item() == pytest.approx(float(by_hand), rel=1e-5)
