"""Images that are another program tomorrow."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus, Flow, Json
from headrace.insight.lint.model import Hit, Path
from headrace.insight.lint.rule import Hits, Rule


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        for path, image in _images(flow):
            problem = _problem(image)
            if problem:
                yield flow.item, Hit(path, problem)


def _images(flow: Flow) -> Iterator[tuple[Path, str]]:
    for each in flow.containers():
        yield from _image(each.path, each.body)
    for path, template in flow.templates():
        for key in ("initContainers", "sidecars"):
            for index, body in enumerate(corpora.objects(template.get(key))):
                yield from _image((*path, key, index), body)


def _image(path: Path, body: Json) -> Iterator[tuple[Path, str]]:
    image = body.get("image")
    if isinstance(image, str) and image:
        yield (*path, "image"), image


def _problem(image: str) -> str:
    name = image.rpartition("/")[2]
    if "@" in image or "{{" in image:
        return ""
    tag = name.partition(":")[2]
    if not tag:
        return f"image {image} has no tag, so latest is taken: name a version, {image}:1.2.3"
    if tag == "latest":
        return f"image {image} is another one after each release: name a version or a digest"
    return ""


RULE = Rule(
    id="image-tag",
    title="An image has no tag, or latest",
    why=(
        "The same manifest runs another program from one day to the next, and a run cannot be "
        "repeated. `latest` is also pulled anew for every pod."
    ),
    bad=examples.workflow("- name: main\n  container:\n    image: alpine\n"),
    good=examples.workflow("- name: main\n  container:\n    image: alpine:3.20\n"),
    check=_check,
)
