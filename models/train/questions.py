"""Makes questions and answers out of captions, as COCO-QA and VQ2A did.

Nothing is known about a photo but its five captions. Answers are balanced: every yes/no question word
is asked as often of a photo without the thing as of one with it, `one` and the commonest colours are thinned out.
The accepted answers of a question are all those that some caption of the photo supports.
"""

import random
import re
from collections import Counter, defaultdict

from common import tidy
from words import (ALIKE, ANIMALS, CLOTHES, COLOURS, DAY, DOING, FEMALE, INDOORS, MALE, NIGHT, NOT_ACTIVITIES, NUMBERS, OBJECTS, OUTDOORS,
                   PEOPLE_MANY, PEOPLE_ONE, PEOPLE_WORDS, PLACE, PLURALS, SCENES, SINGULARS, SPORTS, TRANSITIVE)

THINGS = [*PEOPLE_ONE, *ANIMALS, *OBJECTS, *CLOTHES, *SCENES]
BEINGS = "|".join([*PEOPLE_ONE, *PEOPLE_MANY, *ANIMALS, *(PLURALS[a] for a in ANIMALS)])
ACTIVITY = re.compile(rf"\b({BEINGS})(?: (?:in|with|wearing)(?: (?:a|an|the|his|her))?(?: [a-z-]+){{1,3}}?)?(?: (?:is|are))? ([a-z]+ing)\b((?: [a-z-]+){{0,3}})")
# `a dog in a red collar runs`: the same without "is".
FINITE = re.compile(rf"\b({BEINGS})((?: (?:in|with|wearing)(?: (?:a|an|the|his|her))?(?: [a-z-]+){{1,3}}?)?) ({'|'.join(DOING)})\b")
COLOURED = re.compile(rf"\b({'|'.join(COLOURS)}|grey)(?: and ({'|'.join(COLOURS)}|grey))? ({'|'.join([*ANIMALS, *(PLURALS[a] for a in ANIMALS), *CLOTHES, *OBJECTS])})\b")
COUNTED = re.compile(rf"\b({'|'.join(NUMBERS)})(?: [a-z-]+){{0,2}}? ({'|'.join(sorted({*PLURALS.values()}))})\b")
INSIDE_COLOUR = {"white": {"tan", "gray"}, "gray": {"white", "black"}, "tan": {"brown", "white", "yellow"}, "brown": {"tan", "orange"}, "orange": {"red", "yellow"}, "pink": {"red", "purple"}}
STOP = set("and with while as at for on in to through of by from near over is are up down that who which along across off out away around behind next very under against toward towards before after when beside between above below onto inside outside".split())


def many(noun):
    return noun in SINGULARS or noun in ("shorts", "pants", "jeans", "sunglasses", "gloves", "goggles", "people", "stairs", "leaves", "waves")


def be(noun):
    return "are" if many(noun) else "is"


def pronoun(noun):
    return "they" if noun in SINGULARS or noun in PEOPLE_MANY else "he" if noun in MALE else "she" if noun in FEMALE else "it" if noun not in PEOPLE_WORDS else "they"


def article(noun):
    last = noun.split()[-1]
    return noun if many(last) or last in ("snow", "water", "grass", "sand") else ("an " if noun[0] in "aeiou" else "a ") + noun


def phrase(verb, tail):
    """A short activity: `riding a bike`, not `running through the tall`."""
    if verb not in TRANSITIVE:
        return verb
    kept = []
    for word in tail.split():
        if word in STOP:
            break
        kept.append(word)
    if not kept or kept[-1] in ("a", "an", "the", "his", "her", "their", "its", *COLOURS, "small", "large", "big", "little", "two", "some", "another"):
        return verb
    return " ".join([verb, *kept])


class Facts:
    """What the captions of one photo say."""

    def __init__(self, captions):
        self.captions = [tidy(c) for c in captions]
        self.words = {w for c in self.captions for w in c.replace(",", " ").split()}
        self.words |= {SINGULARS[w] for w in self.words if w in SINGULARS}
        self.colours, self.counts, self.acts = defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)
        self.places = Counter()
        for caption in self.captions:
            for one, two, noun in COLOURED.findall(caption):
                colour = (one + (" and " + two if two else "")).replace("grey", "gray")
                self.colours[noun][colour] += 1
            for number, noun in COUNTED.findall(caption):
                self.counts[noun][NUMBERS[number]] += 1
            for noun, verb, tail in ACTIVITY.findall(FINITE.sub(lambda said: f"{said[1]}{said[2]} {DOING[said[3]]}", caption)):
                if verb not in NOT_ACTIVITIES:
                    self.acts[noun][phrase(verb, tail)] += 1
            self.places.update(re.findall(PLACE, caption))
        self.verbs = {w for w in self.words if w.endswith("ing")} | {act.split()[0] for counter in self.acts.values() for act in counter}
        self.things = [t for t in THINGS if t in self.words]

    def may_contain(self, thing):
        """False only where it is safe to say that the thing is not in the photo."""
        if thing in self.words or any(thing in group and group & self.words for group in ALIKE):
            return True
        if thing in PEOPLE_WORDS:
            people = self.words & PEOPLE_WORDS
            return bool(people - MALE - FEMALE) or bool(people & (MALE if thing in MALE else FEMALE if thing in FEMALE else people))
        return False


def accepted_activities(acts):
    full = list(acts)
    return full + [a.split()[0] for a in full if " " in a]


def colour_answers(counter):
    out = [c for c, _ in counter.most_common()]
    return out + [part for c in out if " and " in c for part in c.split(" and ")]


def one_photo(facts, rng):
    """-> [(type, question, answer, accepted, noun)] that the captions support; yes/no ones come from `yes_no`."""
    out = []
    spell = lambda: rng.choice(["colour", "color"])
    for noun, counter in facts.colours.items():
        q = rng.choice([f"what {spell()} {be(noun)} the {noun}?", f"what {spell()} {be(noun)} the {noun}?", f"what is the {spell()} of the {noun}?"])
        out.append(("colour", q, rng.choice(list(counter.elements())), colour_answers(counter), noun))
    for noun, counter in facts.counts.items():
        q = rng.choice([f"how many {noun} are there?", f"how many {noun} are in the picture?", f"how many {noun} can you see?"])
        out.append(("number", q, counter.most_common(1)[0][0], list(counter), noun))
    for noun in facts.things:
        plural = PLURALS.get(noun)
        if noun in ("man", "woman", "boy", "girl", "dog", "person", "horse", "child", "cat", "bird", "ball", "bike", "car") and plural not in facts.words and "group" not in facts.words \
                and not (facts.words & {"another", "other", "couple", "two", "three", "both"}) and sum(noun in c.split() for c in facts.captions) >= 2:
            out.append(("number", rng.choice([f"how many {plural} are there?", f"how many {plural} are in the picture?"]), "one", ["one"], noun))
    for noun, counter in facts.acts.items():
        q = rng.choice([f"what {be(noun)} the {noun} doing?"] * 3 + [f"what {'are' if many(noun) else 'is'} the {noun} doing in this picture?"])
        out.append(("activity", q, rng.choice(list(counter.elements())), accepted_activities(facts_all_acts(facts)), noun))
    for noun in facts.acts:
        if facts.places:
            out.append(("where", rng.choice([f"where {be(noun)} the {noun}?", "where is this?", "where was this taken?"]), rng.choice(list(facts.places.elements())), list(facts.places), noun))
    for noun, counter in facts.acts.items():
        for act in counter:
            verb = act.split()[0]
            if verb in ("riding", "holding", "catching", "chasing", "carrying", "throwing", "playing") and " " in act:
                same = [a.split(" ", 1)[1] for a in facts_all_acts(facts) if a.startswith(verb + " ")]
                out.append(("what", f"what {be(noun)} the {noun} {verb}?", act.split(" ", 1)[1], same + [s.split()[-1] for s in same], noun))
            beings = [article(n) for n in facts.acts if any(a.split()[0] == verb for a in facts.acts[n])]
            if noun in PEOPLE_WORDS and not many(noun):
                out.append(("who", rng.choice([f"who is {act}?", f"who is {verb}?"]), article(noun), beings + [b.split()[-1] for b in beings], noun))
    for noun in ANIMALS[:9]:
        if noun in facts.words:
            out.append(("what", rng.choice(["what animal is this?", "what animal is in the picture?", "which animal is it?"]), article(noun), [article(noun), noun], noun))
    for sport in SPORTS:
        if sport in facts.words and sport != "frisbee":
            out.append(("what", rng.choice(["what sport is this?", "what sport are they playing?", "what are they playing?"]), sport, [s for s in SPORTS if s in facts.words], "sport"))
    inside, outside = len(facts.words & INDOORS), len(facts.words & OUTDOORS)
    if bool(inside) != bool(outside):
        where = "indoors" if inside else "outdoors"
        out.append(("scene", rng.choice(["is this indoors or outdoors?", "indoors or outdoors?", "was this taken indoors or outdoors?"]), where, [where], "scene"))
        if inside or rng.random() < 0.1:
            out.append(("yes/no", rng.choice(["is this indoors?", "is this inside?"]), "yes" if inside else "no", ["yes" if inside else "no"], "scene"))
    for cue, time in ((NIGHT, "night"), (DAY, "day")):
        if facts.words & cue:
            out.append(("time", rng.choice(["is it day or night?", "is this day or night?"]), time, [time], "scene"))
    return out


def facts_all_acts(facts):
    total = Counter()
    for counter in facts.acts.values():
        total.update(counter)
    return total


def yes_no(all_facts, rng):
    """-> per photo, yes/no rows; each thing, activity and colour is `yes` exactly as often as `no`."""
    rows = [[] for _ in all_facts]
    with_thing = defaultdict(list)
    for index, facts in enumerate(all_facts):
        for thing in facts.things:
            with_thing[thing].append(index)
    together = defaultdict(Counter)
    for facts in all_facts:
        for thing in facts.things:
            together[thing].update(facts.things)
    for thing, photos in with_thing.items():
        ask = lambda: rng.choice([f"{'are' if many(thing) else 'is'} there {'any ' + thing if many(thing) else article(thing)}{end}" for end in ("?", "?", " in the picture?", " in this photo?")]
                                 + [f"can you see {article(thing)}?"])
        without = [i for i, f in enumerate(all_facts) if not f.may_contain(thing)]
        weight = [1 + 30 * max((together[thing][t] / (len(with_thing[t]) + 20) for t in all_facts[i].things), default=0) for i in without]
        photos = rng.sample(photos, min(len(photos), len(without), 60 + len(photos) // 4))
        for index in photos:
            rows[index].append(("yes/no", ask(), "yes", ["yes"], thing))
        for index in rng.choices(without, weight, k=len(photos)) if without else []:
            rows[index].append(("yes/no", ask(), "no", ["no"], thing))
    common = [v for v, n in Counter(v for f in all_facts for v in sorted(f.verbs)).most_common(60) if v not in NOT_ACTIVITIES and n > 8][:30]
    no_colour, no_act = Counter(), Counter()
    for index, facts in enumerate(all_facts):
        for noun, counter in facts.colours.items():
            said = set(colour_answers(counter))
            close = set().union(said, *(INSIDE_COLOUR.get(c, ()) for c in said), *(k for k, v in INSIDE_COLOUR.items() if v & said and (k,)) and [{k for k, v in INSIDE_COLOUR.items() if v & said}])
            options = [c for c in COLOURS if c not in close]
            if rng.random() < 0.5:
                colour, answer = rng.choice([c for c in sorted(said) if " " not in c]), "yes"
                no_colour[colour] += 1
            else:
                colour, answer = max(options, key=lambda c: (no_colour[c], rng.random())), "no"
                no_colour[colour] -= 1
            rows[index].append(("yes/no", f"{be(noun)} the {noun} {colour}?", answer, [answer], noun))
        for noun, counter in facts.acts.items():
            said = {a.split()[0] for a in counter}
            if rng.random() < 0.5:
                verb, answer = rng.choice(sorted(said)), "yes"
                no_act[verb] += 1
            else:
                options = [v for v in common if v not in facts.verbs and v[:-3] not in " ".join(facts.captions)]
                verb, answer = max(options, key=lambda v: (no_act[v], rng.random())), "no"
                no_act[verb] -= 1
            rows[index].append(("yes/no", f"{be(noun)} the {noun} {verb}?", answer, [answer], noun))
    return rows
