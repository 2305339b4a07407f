"""Takes the card's scores again through the command line that people use: index, search, caption, ask.

python through_cli.py DATA WORK [--dev]

Photos are copied under names that say nothing, so that no file name helps a search. Needs a built
checkout (`npm ci && npm run build`). The library is made anew in WORK/cli. Full-text search takes
part as it does for people: captions written by the model are searched too.
"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

from captions import cider_score
from common import read_flickr, read_imagenet_samples
from evaluate import correct, even_share, table
from qa import test_rows

# Queries whose best photos are looked at again: each costs two dozen photos.
LOOKED_AGAIN = 125
ROOT = Path(__file__).resolve().parents[2]


def iris(library, *arguments, lines=None):
    """Runs one command; gives its lines of standard output, read as JSON."""
    command = [str(ROOT / "node_modules/node/bin/node"), str(ROOT / "bin/iris.js"), "--library", str(library), "--json", *map(str, arguments)]
    given = None if lines is None else "".join(f"{line}\n" for line in lines)
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with exit code {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def copy_unnamed(files, folder):
    """Copies photos under numbers, in an order of their own; -> {copy's path: original name}."""
    folder.mkdir(parents=True)
    order = np.random.default_rng(5).permutation(len(files))
    names = {}
    for number, index in enumerate(order):
        target = folder / f"p{number:05d}{files[index].suffix.lower()}"
        shutil.copyfile(files[index], target)
        names[str(target)] = files[index].name
    return names


def recall(library, names, queries, truth, *options, ks=(1, 5, 10)):
    """Share of queries whose photo is among the first k results of `iris search --stdin`."""
    answers = iris(library, "search", "--stdin", "--limit", max(ks), *options, lines=queries)
    ranks = []
    for answer, true in zip(answers, truth, strict=True):
        found = [names[hit["path"]] for hit in answer["results"]]
        ranks.append(found.index(true) if true in found else len(found) + max(ks))
    return [f"{100 * np.mean([rank < k for rank in ranks]):.1f}" for k in ks]


def library_of(work, name, files, captions):
    folder = work / "cli" / name
    names = copy_unnamed(files, folder / "photos")
    report = iris(folder / "library", "index", *([] if captions else ["--no-captions"]), folder / "photos")[0]
    assert report["photos"] == len(files) and not report["failed"], report
    print(f"{name}: {report['photos']} photos indexed in {report['seconds']} s", flush=True)
    return folder / "library", names


LABELS = "person, animal, cat, dog, bird, sheep, flower, food, drink, building, temple, house, vehicle, plane, rocket, boat, mountain, forest, lake, city, sky, space, snow, beach, street, kitchen, sport, camera, portrait, night".split(", ")
SUBJECTS = {"sample-01.jpg": ("who is this?", "what colour is the suit?", "an astronaut"), "sample-02.png": ("what animal is this?", "is it indoors or outdoors?", "a tabby cat"),
            "sample-03.jpg": ("what is in the cup?", "what colour is the cup?", "a cup of coffee"), "sample-04.jpg": ("what is the man doing?", "is there a dog?", "a man with a camera on a tripod"),
            "sample-05.jpg": ("is it day or night?", "what is in the picture?", "a rocket on its launch pad"), "sample-07.jpg": ("is there a building?", "what colour is the sky?", "a temple by a lake"),
            "sample-08.jpg": ("what colour is the flower?", "is there a person?", "an orange flower"), "sample-09.jpg": ("what is in the air?", "how many planes are there?", "an old aeroplane in flight"),
            "sample-11.jpg": ("is there a house?", "is there a person?", "an abandoned wooden house"), "sample-13.jpg": ("what animal is this?", "where are they?", "sheep grazing in a field")}


def own_photos(work, photos):
    """Ten photos of the samples, none of them trained on: caption, tags, two questions, the place at which a search finds it."""
    library, folder = work / "cli-own", photos.resolve()
    shutil.rmtree(library, ignore_errors=True)
    iris(library, "index", folder)
    files = [folder / name for name in SUBJECTS]
    captions = [line["caption"] for line in iris(library, "caption", *files)]
    tags = [[label["label"] for label in sorted(line["labels"], key=lambda label: -label["zeroShot"])[:3]] for line in iris(library, "classify", "--stdin", *LABELS, lines=files)]
    answers = iris(library, "ask", "--stdin", lines=[f"{file}\t{question}" for file in files for question in SUBJECTS[file.name][:2]])
    found = iris(library, "search", "--stdin", "--limit", 14, lines=[SUBJECTS[file.name][2] for file in files])
    said = [f"{SUBJECTS[file.name][i % 2]} **{answer['answer']}**{'' if answer['sureness']['sure'] else ' (not sure)'}" for i, (file, answer) in enumerate(zip([f for f in files for _ in (0, 1)], answers, strict=True))]
    place = lambda file, search: next((str(i) for i, hit in enumerate(search["results"], 1) if Path(hit["path"]).name == file.name), "not found")
    rows = [[file.name, caption, ", ".join(tag), said[2 * i], said[2 * i + 1], f"{SUBJECTS[file.name][2]}: {place(file, found[i])}"] for i, (file, caption, tag) in enumerate(zip(files, captions, tags))]
    return table(["photo", "caption", "tags", "first question", "second question", "a search, and its place among the fourteen"], rows)


def main(data, work, split):
    shutil.rmtree(work / "cli", ignore_errors=True)
    flickr, samples = read_flickr(data)[split][:500], read_imagenet_samples(data)
    photos = [data / "flickr8k/images" / name for name, _ in flickr]
    queries = [(caption, name) for name, captions in flickr for caption in captions]
    library, names = library_of(work, "flickr", photos, captions=False)
    looks = recall(library, names, *zip(*queries))
    some = queries[:: len(queries) // LOOKED_AGAIN]
    again = [recall(library, names, *zip(*some), *options) for options in ((), ("--rerank",))]
    iris(library, "index", work / "cli/flickr/photos")
    fused = recall(library, names, *zip(*queries))
    classes, class_names = library_of(work, "classes", [data / "imagenet-samples" / f for f, _ in samples], captions=True)
    by_name = recall(classes, class_names, [n for _, n in samples], [f for f, _ in samples])
    chinese = [line.split("\t") for line in (Path(__file__).parent / "chinese-queries.tsv").read_text("utf-8").splitlines()]
    glossed = [] if split == "dev" else [[f"{len(chinese)} queries in Chinese, read word by word", *recall(library, names, *zip(*[(q, n) for n, q in chinese]))]]
    print(table(["search through the CLI", "R@1", "R@5", "R@10"], [
        [f"{len(queries)} captions over {len(photos)} photos, before captions were written", *looks],
        [f"{len(some)} of them, before captions were written", *again[0]],
        ["the same, the best 24 looked at again (`--rerank`)", *again[1]],
        ["all, captions written and searched too", *fused],
        *glossed,
        [f"bare class name over {len(samples)} ImageNet photos", *by_name]]), flush=True)
    written = [answer["caption"] for answer in iris(library, "caption", *photos)]
    print(f"captions: CIDEr {cider_score(written, [c for _, c in flickr]):.3f}", flush=True)
    rows = [row for row in test_rows(flickr) if row[1] != "second turn"]
    answers = iris(library, "ask", "--stdin", lines=[f"{data / 'flickr8k/images' / row[0]}\t{row[2]}" for row in rows])
    right = {}
    for row, answer in zip(rows, answers, strict=True):
        right.setdefault(row[1], []).append((correct(answer["answer"], row[4]), row[3]))
    tell = lambda hits, truths, even: [f"{100 * np.mean(hits):.1f}", f"{even_share(hits, truths):.1f}" if even else ""]
    print(table(["question", "asked", "right", "mean over the true answers"],
                [[kind, str(len(rows)), *tell(*zip(*rows), kind in ("colour", "number"))] for kind, rows in right.items()]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--own", action="store_true", help="only the ten photos of the card")
    arguments = parser.parse_args()
    if arguments.own:
        print(own_photos(arguments.work, ROOT / "samples"))
        raise SystemExit
    main(arguments.data.resolve(), arguments.work.resolve(), "dev" if arguments.dev else "test")
