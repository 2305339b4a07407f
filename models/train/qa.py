"""Writes the question test set: WORK/qa-test.tsv, made from test captions, balanced by answer.

python qa.py DATA WORK

Columns: image, type, question, answer, accepted answers (by |), and a second question with its answers.
The second question of a conversation can only be understood after the first.
"""

import random
import re
import sys
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

from common import SEED, read_flickr
from conversations import conversations
from questions import Facts, article, many, one_photo, pronoun, yes_no
from words import ANIMALS, FEMALE, MALE, PEOPLE_WORDS, SINGULARS

LIMITS = {"yes/no": 300, "colour": 200, "number": 150, "activity": 200, "where": 100, "who": 80, "what": 120, "scene": 80, "time": 20}
SECOND_TURNS = 250


def even(rows, rng, most):
    """At most `most` rows of one answer."""
    seen, out = Counter(), []
    for row in rng.sample(rows, len(rows)):
        seen[row[1][2]] += 1
        if seen[row[1][2]] <= most:
            out.append(row)
    return out


def test_rows(images, seed=SEED):
    """-> [(file, type, question, answer, accepted, question2, answer2, accepted2)]; no photo gets the same question twice."""
    rng = random.Random(seed)
    facts = [Facts(c) for _, c in images]
    by_type = defaultdict(list)
    for index, rows in enumerate(yes_no(facts, rng)):
        for row in rows:
            by_type["yes/no"].append((index, row))
    for index, f in enumerate(facts):
        for row in one_photo(f, rng):
            if row[0] != "yes/no":
                by_type[row[0]].append((index, row))
    out, used = [], set()
    for kind, limit in LIMITS.items():
        rows = even(by_type[kind], rng, limit // 2 if kind in ("yes/no", "scene", "time") else limit // 4)
        kept = 0
        for index, (_, question, answer, accepted, _) in rows:
            if (index, question) not in used and kept < limit:
                used.add((index, question))
                kept += 1
                out.append((images[index][0], kind, question, answer, "|".join(dict.fromkeys(accepted)), "", "", ""))
    chats = [(i, chat) for i, f in enumerate(facts) for chat in conversations(f, rng)]
    chats = [(i, (0, 0, chat[1][2], chat)) for i, chat in chats]
    for index, (_, _, _, chat) in even(chats, rng, SECOND_TURNS // 8)[:SECOND_TURNS]:
        (_, q1, a1, ok1), (_, q2, a2, ok2) = chat[0], chat[1]
        out.append((images[index][0], "second turn", q1, a1, "|".join(dict.fromkeys(ok1)), q2, a2, "|".join(dict.fromkeys(ok2))))
    return out


def two_subjects(one, other, facts):
    """Surely not two names of one thing: of different sorts, or said in one caption."""
    sort = lambda noun: "animal" if (base := SINGULARS.get(noun, noun)) in ANIMALS else "he" if base in MALE else "she" if base in FEMALE else None if base in PEOPLE_WORDS else "thing"
    sorts = {sort(one), sort(other)}
    if SINGULARS.get(one, one) == SINGULARS.get(other, other):
        return False
    if len(sorts) == 2 and None not in sorts or sorts == {None, "animal"} or sorts == {None, "thing"}:
        return True
    return any(all(re.search(rf"\b{noun}\b", caption) for noun in (one, other)) for caption in facts.captions)


def memory_pairs(images, most=200, seed=SEED):
    """-> [(file, [(question, second question, accepted), the same of another subject])]: two subjects of one photo, whose
    second answers should differ ("what colour is it?" and "is it black?" of a dog and of its ball)."""
    out = []
    for name, captions in images:
        facts = Facts(captions)
        for kind, told in (("colour", facts.colours), ("activity", facts.acts)):
            split = (lambda said: said.split(" and ")) if kind == "colour" else (lambda said: said.split()[:1])
            said = {noun: {part for one in counter for part in split(one)} for noun, counter in told.items()}
            for pair in combinations(said, 2):
                who = {n: "they" if many(n) else pronoun(n) for n in pair}
                ask = {n: f"what colour {'are' if who[n] == 'they' else 'is'} {who[n]}?" if kind == "colour" else f"what {'are' if who[n] == 'they' else 'is'} {who[n]} doing?" for n in pair}
                if two_subjects(*pair, facts) and said[pair[0]].isdisjoint(said[pair[1]]):
                    first = {n: f"are there any {n}?" if many(n) else f"is there {article(n)}?" for n in pair}
                    out.append((name, [(first[n], ask[n], "|".join(sorted(said[n]))) for n in pair]))
                    if kind == "colour":
                        colour = min(said[pair[0]])
                        out.append((name, [(first[n], f"{'are' if who[n] == 'they' else 'is'} {who[n]} {colour}?", "yes" if n == pair[0] else "no") for n in pair]))
    return random.Random(seed).sample(out, min(most, len(out)))


def main(data, work):
    rows = test_rows(read_flickr(data)["test"])
    header = "image\ttype\tquestion\tanswer\taccepted\tquestion2\tanswer2\taccepted2"
    (Path(work) / "qa-test.tsv").write_text("\n".join([header, *("\t".join(r) for r in rows)]) + "\n", "utf-8")
    print(Counter(r[1] for r in rows))
    for row in random.Random(SEED).sample(rows, 20):
        print("  ", row)


if __name__ == "__main__":
    main(*sys.argv[1:])
