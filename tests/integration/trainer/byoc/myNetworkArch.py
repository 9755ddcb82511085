"""A network of one's own, which still says `dimensions` as its author once did."""

from monai.networks.nets import BasicUNet


class MyBasicUNet(BasicUNet):
    """BasicUNet under another name."""

    def __init__(
        self, dimensions=3, in_channels=1, out_channels=2, features=(32,) * 6, norm="batch"
    ):
        super().__init__(
            spatial_dims=dimensions,
            in_channels=in_channels,
            out_channels=out_channels,
            features=features,
            norm=norm,
        )
