"""A file in a Slack interaction, in the shape of the reference: what a message carries, or a form's
field was given. Called by `slack_shapes`."""

from __future__ import annotations

from events.sources.go_shape import ANY, FLAG, NUMBER, TEXT, Leaf, Shape, Struct

_TEXTS = (
    "id name title mimetype filetype pretty_type user mode external_type url url_download"
    " url_private url_private_download thumb_64 thumb_80 thumb_160 thumb_360 thumb_360_gif"
    " thumb_480 thumb_720 thumb_960 thumb_1024 thumb_video thumb_video_ts hls hls_embed hls_preview"
    " media_display_type mp4 mp4_low vtt permalink permalink_public edit_link preview"
    " preview_highlight subject plain_text preview_plain_text"
)
_NUMBERS = (
    "created timestamp image_exif_rotation size original_h original_w thumb_360_w thumb_360_h"
    " thumb_480_w thumb_480_h thumb_720_w thumb_720_h thumb_960_w thumb_960_h thumb_1024_w"
    " thumb_1024_h thumb_video_w thumb_video_h duration_ms lines lines_more comments_count"
    " num_stars"
)
_FLAGS = "editable is_external is_public public_url_shared is_starred"
_LISTS = "channels groups ims to from cc"
_MAIL_HEADERS = "date in_reply_to reply_to message_id"


def _each(names: str, shape: Shape) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), shape)


FILE = Struct(
    {
        **_each(_TEXTS, TEXT),
        **_each(_NUMBERS, NUMBER),
        **_each(_FLAGS, FLAG),
        **_each(_LISTS, ANY),
        "initial_comment": Leaf(b"{}", b"{", "object"),
        "shares": Struct({"public": ANY, "private": ANY}, open=True),
        "headers": Struct(_each(_MAIL_HEADERS, TEXT), open=True),
    },
    open=True,
)
