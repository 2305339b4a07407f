"""Turns captions into the texts the decoder learns: captions, captions with a given start, questions, conversations.

A text is a list of pieces (words, learn): the decoder is trained on the pieces with `learn` set. Their
concatenation is exactly what the app renders from the templates of model.json.
"""

import random
import re
from collections import Counter

from common import tidy
from questions import Facts, article, be, facts_all_acts, one_photo, pronoun, yes_no
from words import ANIMALS, CLOTHES, COLOURS, INDOORS, OUTDOORS, PEOPLE_MANY, PEOPLE_ONE, PEOPLE_WORDS, PLURALS, SINGULARS

STARTS = ["a photo of", "a photo of", "a picture of", "an image of", "this is", "there is", "a photograph of", "this photo shows", "this is a photo of", "a close up of", "i can see", "the photo shows"]
ARTICLES = re.compile(r"^(a|an|the|two|three|four|five|some|several|many) ")
OWN = {"he": "his", "she": "her", "it": "its", "they": "their"}
WORN = re.compile(rf"\b({'|'.join([*PEOPLE_ONE, *PEOPLE_MANY])}) (?:is |are )?(?:in|wearing|wears|with) (?:an? |the )?((?:(?:{'|'.join(COLOURS)}) )?(?:{'|'.join(CLOTHES)}))\b")
CAPTIONS, TALKS = 2, 1


def conversations(facts, rng):
    """-> [[(type, question, answer, accepted), ...]]: the second question says it, he, she or they of the first one's subject."""
    out = []
    worn = {}
    for caption in facts.captions:
        for noun, clothes in WORN.findall(caption):
            worn.setdefault(noun, []).append(clothes)
    for noun in {**facts.acts, **{n: 0 for n in facts.colours if n in ANIMALS}, **worn}:
        who, plural = pronoun(noun), noun in SINGULARS
        verb = "are" if who == "they" else "is"
        firsts = [("yes/no", f"{be(noun)} there {'any ' + noun if plural else article(noun)}?", "yes", ["yes"])]
        if noun in ANIMALS:
            firsts.append(("what", "what animal is this?", article(noun), [article(noun), noun]))
        elif noun in PEOPLE_WORDS and not plural:
            firsts.append(("who", rng.choice(["who is in the picture?", "who is this?", "who is it?"]), article(noun), [article(noun), noun]))
        if noun in facts.counts:
            firsts.append(("number", f"how many {noun} are there?", facts.counts[noun].most_common(1)[0][0], list(facts.counts[noun])))
        seconds = []
        if noun in facts.acts:
            acts = facts_all_acts(facts)
            seconds += [("activity", rng.choice([f"what {verb} {who} doing?", f"and what {verb} {who} doing?"]), rng.choice(list(facts.acts[noun].elements())), [*acts, *(a.split()[0] for a in acts)])]
            if facts.places:
                seconds.append(("where", f"where {verb} {who}?", rng.choice(list(facts.places.elements())), list(facts.places)))
        if noun in facts.colours:
            colours = list(facts.colours[noun])
            seconds.append(("colour", f"what {rng.choice(['colour', 'color'])} {verb} {who}?", rng.choice(colours), [*colours, *(p for c in colours for p in c.split(" and "))]))
        for clothes in worn.get(noun, [])[:1]:
            item, all_worn = clothes.split()[-1], [*(w for v in worn.values() for w in v)]
            seconds.append(("wearing", f"what {verb} {who} wearing?", article(clothes), [*map(article, all_worn), *(article(w.split()[-1]) for w in all_worn), *all_worn]))
            if " " in clothes:
                same = [w.split()[0] for v in worn.values() for w in v if w.endswith(" " + item)]
                seconds.append(("colour", f"what {rng.choice(['colour', 'color'])} {be(item)} {OWN[who]} {item}?", clothes.split()[0], same))
        rng.shuffle(seconds)
        for second in seconds[:2]:
            chat = [rng.choice(firsts), second]
            rest = [s for s in seconds if s[0] != second[0]]
            out.append(chat + rest[:1] if rest and rng.random() < 0.3 else chat)
    return out


def loosen(question, rng):
    """Questions as people type them: sometimes without the mark, with a contraction or another opening."""
    if rng.random() < 0.2:
        question = question.rstrip("?")
    if rng.random() < 0.08:
        question = question.replace("what is ", "what's ", 1).replace("is there ", "do you see ", 1)
    return question


def talk(turns, rng):
    pieces = []
    for index, (kind, question, answer, *_) in enumerate(turns):
        # A conversation only ever opens with a `yes`: learning from that would teach the model to agree.
        learn = len(turns) == 1 or index > 0 or kind != "yes/no"
        pieces += [(("" if index == 0 else " ") + f"question: {loosen(question, rng)} answer:", False), (" " + answer, learn)]
    return pieces


def caption_text(caption, rng):
    caption = tidy(caption)
    if rng.random() < 0.15 and ARTICLES.match(caption):
        start = rng.choice(STARTS)
        if start not in ("this is", "there is", "i can see") or caption.startswith(("a ", "an ")):
            return [(start, False), (" " + caption, True)]
    return [(caption, True)]


WEATHER = [("cold and snowy", "snow snowy ice icy skiing ski skier snowboarder sled"), ("wet and rainy", "rain raining rainy umbrella"), ("dark", "night nighttime"),
           ("warm and sunny", "beach sunny sunset swimsuit bikini pool sprinkler bathing"), ("windy", "kite sail sailboat surfer wave waves"),
           ("mild", "grass grassy park field lawn"), ("dry and clear", "desert dirt rock cliff mountain sky"), ("hard to tell, as it is indoors", " ".join(sorted(INDOORS)))]
MOODS = [("happy", "smiling smile smiles laughing laughs happy"), ("playful", "playing play plays toy ball frisbee chasing splashing tug"), ("excited", "jumping jump jumps leaping flying cheering trick"),
         ("tense", "race racing football soccer basketball player team tackle competition game"), ("festive", "party concert crowd stage costume parade dancing"),
         ("calm", "sitting sits resting sleeping lying laying reading standing looking fishing watching bench"), ("active", "running runs riding climbing skateboarding swimming walking")]


def told(groups, words, rng):
    """Whichever of the groups has most of its words said, or None."""
    counted = [(len(words & set(group.split())), rng.random(), name) for name, group in groups]
    return max(counted)[2] if max(counted)[0] else None


def begun(facts, rng):
    """Endings for the beginnings that people try out, as far as the captions tell: the weather, where it was taken, the mood."""
    weather, mood = told(WEATHER, facts.words, rng), told(MOODS, facts.words, rng)
    place = rng.choice(list(facts.places.elements())) if facts.places else "indoors" if facts.words & INDOORS else "outdoors" if facts.words & OUTDOORS else None
    who = max(facts.acts, key=lambda noun: sum(facts.acts[noun].values()), default=None)
    out = [("the weather looks", weather)] if weather else []
    if place:
        out.append(("this picture was taken", place if place.endswith("doors") or rng.random() < 0.4 or not who else f"{place}, where {article(who)} {be(who)} {next(iter(facts.acts[who]))}"))
    if mood:
        out.append(("the mood is", mood))
    return [[(start, False), (" " + end, True)] for start, end in out]


def pick(rows, count, seen, rng):
    """Takes rows one by one, preferring types and answers that were used less so far."""
    rows, chosen = list(rows), []
    while rows and len(chosen) < count:
        best = min(range(len(rows)), key=lambda i: seen[rows[i][0]] * 1.0 + 3 * seen[(rows[i][0], rows[i][2])] * (rows[i][0] in ("colour", "number", "scene")) + 0.3 * rng.random() * (1 + seen[rows[i][0]]))
        row = rows.pop(best)
        seen[row[0]] += {"yes/no": 0.4, "activity": 0.6, "colour": 0.6}.get(row[0], 1)
        seen[(row[0], row[2])] += 1
        chosen.append(row)
    return chosen


def make(images, rng, captions=CAPTIONS, talks=TALKS):
    """-> for each photo a list of texts: some of its captions, then some talk; a fresh draw for every `rng`."""
    facts = [Facts(cs) for _, cs in images]
    closed, seen, out = yes_no(facts, rng), Counter(), [None] * len(images)
    endings = [begun(f, rng) for f in facts]
    often = Counter(joined(pieces) for ends in endings for pieces in ends)
    for index in rng.sample(range(len(images)), len(images)):
        texts = [caption_text(c, rng) for c in rng.sample(images[index][1], min(captions, len(images[index][1])))]
        chats, single, yes = conversations(facts[index], rng), one_photo(facts[index], rng), closed[index]
        kinds = [kind for kind, rows in (("chat", chats), ("single", single), ("yes", yes)) if rows]
        for kind in rng.sample(kinds, min(talks, len(kinds))):
            turns = rng.choice(chats) if kind == "chat" else pick(rng.sample(single, len(single)), 1, seen, rng) if kind == "single" else [rng.choice(yes)]
            texts.append(talk(turns, rng))
        if endings[index] and rng.random() < 0.35:  # rare endings first: the weather of most photos is mild
            texts += rng.choices(endings[index], [often[joined(pieces)] ** -0.75 for pieces in endings[index]])
        out[index] = texts
    return out


def joined(pieces):
    return "".join(text for text, _ in pieces)
