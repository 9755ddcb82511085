"""Image pipelines, which are a dataset and a loader today, and inferers."""

from __future__ import annotations

from typing import Any

from mmar_automl.trainer.vocabulary.entry import (
    Context,
    Count,
    Counts,
    Made,
    Share,
    component,
    entry,
)

_KEYS = ("data_list_file_path", "data_file_base_dir", "data_list_key")


@entry("SegmentationImagePipeline", "image_pipeline")
def segmentation_image_pipeline(
    data_list_file_path: Any,
    data_list_key: Any,
    data_file_base_dir: Any = None,
    output_crop_size: Any = None,
    output_batch_size: int = 1,
    batched_by_transforms: bool = False,
    output_data_format: Any = None,
    output_image_channels: Count = 1,
    output_label_channels: Count = 1,
    num_workers: Count = 0,
    prefetch_size: Any = None,
    shuffle: bool | None = None,
    *,
    context: Context,
) -> Made:
    """Reads, transforms and batches the cases; those of the training come in any order unless
    `shuffle` is false. Differs: sizes and channels are what the
    transforms make of a case, so that `output_crop_size` only tells a scanning window's size;
    `prefetch_size` is torch's own choice; with `batched_by_transforms` a batch is the crops of
    one case."""
    if prefetch_size is not None:
        context.notes.append("prefetch_size is left out: torch fetches two batches a process ahead")
    listing = dict(
        zip(_KEYS, (data_list_file_path, data_file_base_dir, data_list_key), strict=True)
    )
    return {
        "dataset": {"name": "Dataset", **_given(listing), "args": {"transform": "@pre_transforms"}},
        "dataloader": component(
            "DataLoader",
            dataset="@dataset",
            batch_size=1 if batched_by_transforms else max(1, output_batch_size),
            num_workers=num_workers,
            **_given({"shuffle": shuffle}),
        ),
    }


@entry("SegmentationImagePipelineWithCache", "image_pipeline")
def segmentation_image_pipeline_with_cache(
    data_list_file_path: Any,
    data_list_key: Any,
    data_file_base_dir: Any = None,
    output_crop_size: Any = None,
    output_batch_size: int = 1,
    batched_by_transforms: bool = False,
    output_data_format: Any = None,
    output_image_channels: Count = 1,
    output_label_channels: Count = 1,
    num_workers: Count = 0,
    prefetch_size: Any = None,
    num_cache_objects: int = 0,
    replace_percent: float = 0.0,
    multiprocessing: Any = None,
    shuffle: bool | None = None,
    caches_data: bool = True,
    *,
    context: Context,
) -> Made:
    """The same with cases kept in memory. Differs: without `replace_percent` MONAI keeps the
    first cases for good and loads the others each time; with it, it replaces that share of them
    each epoch, and trains on the kept ones only."""
    made = segmentation_image_pipeline(
        data_list_file_path,
        data_list_key,
        data_file_base_dir,
        output_batch_size=output_batch_size,
        batched_by_transforms=batched_by_transforms,
        num_workers=num_workers,
        prefetch_size=prefetch_size,
        shuffle=shuffle,
        context=context,
    )
    if not caches_data:
        return made
    args = made["dataset"]["args"]
    if replace_percent:
        # 3.x's examples have shares as well as per cent.
        share = replace_percent / 100 if replace_percent > 1 else replace_percent
        made["dataset"]["name"] = "SmartCacheDataset"
        args["replace_rate"] = share
        if num_cache_objects:
            args["cache_num"] = num_cache_objects
    else:
        made["dataset"]["name"] = "CacheDataset"
        if num_cache_objects:
            args["cache_num"] = num_cache_objects
        args["num_workers"] = num_workers
    args["progress"] = False
    return made


# Keras's sequences and TensorFlow's datasets are one and the same to torch.
entry("SegmentationKerasImagePipeline", "image_pipeline")(segmentation_image_pipeline)
entry("SegmentationKerasImagePipelineWithCache", "image_pipeline")(
    segmentation_image_pipeline_with_cache
)


@entry("TFSimpleInferer", "inferer")
def tf_simple_inferer() -> Made:
    """The whole input at once. The same."""
    return component("SimpleInferer")


@entry("TFScanWindowInferer", "inferer")
def tf_scan_window_inferer(
    roi_size: Counts, batch_size: Count = 1, roi_overlap: Share = 0.25
) -> Made:
    """A window that scans the case. Differs: MONAI's windows overlap by a quarter unless said."""
    return component("SlidingWindowInferer", roi_size=roi_size, sw_batch_size=batch_size,
                     overlap=roi_overlap)  # fmt: skip


def _given(listing: Made) -> Made:
    return {key: value for key, value in listing.items() if value is not None}
