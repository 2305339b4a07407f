"""Word lists that the question maker reads captions with: things, colours, numbers, places, activities."""

PEOPLE_ONE = "man woman boy girl child kid toddler baby person lady guy biker cyclist skateboarder snowboarder skier surfer climber player dancer rider runner swimmer hiker".split()
PEOPLE_MANY = "men women boys girls children kids people toddlers players friends bikers dancers skiers runners hikers".split()
ANIMALS = "dog puppy cat horse bird cow sheep goat duck poodle bulldog greyhound".split()
CLOTHES = "shirt hat jacket dress helmet uniform coat swimsuit shorts pants jeans sweater vest cap suit skirt bikini sunglasses gloves goggles t-shirt hoodie scarf".split()
OBJECTS = "ball bike bicycle car frisbee stick skateboard surfboard guitar rope toy kite boat truck bus bench umbrella flag camera slide swing trampoline motorcycle tent raft sled snowboard canoe kayak ladder fence bridge tree wall stroller tunnel pole hoop racket bat backpack cup phone microphone collar leash".split()
SCENES = "snow water grass beach street pool ocean field park mountain rock lake river sand forest fountain road sidewalk track crowd building hill stairs couch sky leaves waves bed room sunset".split()
COLOURS = "black white brown red blue green yellow orange pink purple gray tan".split()
NUMBERS = {"two": "two", "three": "three", "four": "four", "five": "five", "six": "six", "2": "two", "3": "three", "4": "four", "5": "five"}
SPORTS = "soccer football basketball baseball tennis hockey volleyball rugby lacrosse softball polo golf cricket frisbee".split()

PLURALS = {**{w: w + "s" for w in [*PEOPLE_ONE, *ANIMALS, *OBJECTS]}, "man": "men", "woman": "women", "child": "children",
           "person": "people", "puppy": "puppies", "baby": "babies", "lady": "ladies", "sheep": "sheep", "bus": "buses",
           "bench": "benches", "leash": "leashes"}
SINGULARS = {plural: one for one, plural in PLURALS.items()}
ALIKE = [set("dog puppy poodle bulldog greyhound animal animals pet labrador terrier collie retriever hound shepherd".split()), {"bike", "bicycle", "motorcycle", "biker", "cyclist", "bikes", "bicycles"},
         {"water", "pool", "ocean", "lake", "river", "waves", "wave", "sea", "beach", "fountain", "surf", "stream", "pond", "surfing", "surfer", "swimming", "swims", "wet"},
         {"hat", "cap", "helmet", "helmets", "hats", "hood", "beanie"}, {"coat", "jacket", "sweater", "hoodie", "vest", "jackets", "coats", "parka"}, {"pants", "jeans", "shorts"},
         {"shirt", "t-shirt", "top", "shirts", "jersey", "uniform", "sweater", "tank", "tee", "dressed", "shirtless"}, {"grass", "field", "park", "lawn", "yard", "grassy", "meadow", "pasture"},
         {"road", "street", "sidewalk", "path", "city", "pavement", "trail"}, {"mountain", "hill", "rock", "cliff", "mountains", "rocks", "slope", "peak", "rocky", "mountainside", "hillside", "boulder"},
         {"beach", "sand", "ocean", "sandy", "shore"}, {"forest", "tree", "trees", "woods", "wooded", "park", "branch", "leaves", "bushes"}, {"ball", "football", "soccer", "basketball", "baseball", "tennis", "volleyball", "softball"},
         {"couch", "room", "bed", "sofa", "chair", "house", "inside"}, {"swimsuit", "bikini", "bathing"}, {"building", "city", "wall", "house", "street", "store"}, {"boat", "canoe", "kayak", "raft"},
         {"snow", "sled", "snowboard", "snowy", "ski", "skier", "snowboarder", "skiing"}, {"toy", "ball", "frisbee", "toys"}, {"leash", "collar", "rope"}, {"dress", "skirt", "costume", "gown"},
         {"sky", "air", "sunset", "sun", "jumping", "jumps"}, {"crowd", "audience", "people", "group", "fans", "spectators"}, {"track", "road", "race", "racing", "path"}, {"stairs", "steps", "ladder", "staircase"},
         {"sunglasses", "glasses", "goggles"}, {"fence", "gate", "pole", "wall"}, {"suit", "uniform", "tuxedo", "wetsuit"}, {"stick", "branch", "bat", "pole", "racket"}, {"swing", "rope", "slide", "playground"}]
MALE, FEMALE = set("man men boy boys guy".split()), set("woman women girl girls lady ladies".split())
PEOPLE_WORDS = {*PEOPLE_ONE, *PEOPLE_MANY, *(w + "s" for w in PEOPLE_ONE), "someone", "group", "couple", "team", "crowd", "he", "she", "his", "her", "another", "adult", "adults", "teenager", "gentleman"}

INDOORS = set("indoors indoor kitchen couch sofa carpet gym restaurant bar livingroom office hallway bathroom classroom ceiling desk".split())
OUTDOORS = set("outdoors outdoor outside snow beach street field grass ocean mountain lake river park forest woods sand sidewalk road hill trail sky cliff yard dirt waves snowy grassy".split())
NIGHT, DAY = set("night nighttime fireworks".split()), set("sunny daylight daytime sunshine".split())

TRANSITIVE = "riding playing holding carrying catching chasing throwing climbing wearing eating pushing pulling hitting kicking watching reading drinking walking".split()
NOT_ACTIVITIES = set("doing wearing being having building evening clothing clothing swimming-pool railing wedding string morning during something nothing thing king ring spring wing ceiling bathing bowling including containing featuring showing ping sling following using getting looking-like boxing parking wrestling living".split())
PLACE = r"\b((?:in|on|through|across|along|down|over|into|at|near|by|under) (?:the |a |an |some )?(?:[a-z]+ )?(?:" + "|".join(
    "snow water beach field grass street pool park ocean mountain rock rocks forest woods sand lake river road sidewalk hill track couch bed room dirt air stairs bench wave yard lawn city trees fountain trail path stream leaves swing kitchen stage court table mud".split()) + r"))\b"

# What beings do, as captions say it of them without "is": `a dog runs`, `two men ride`.
VERBS = "run play stand jump sit walk hold ride look climb carry swim pose chase lay watch smile perform leap take race fight slide eat splash catch hang swing make go pull bite talk surf drink lie dance ski fly lean shake throw wait push hug wade dig laugh chew hike fall kayak lick sleep blow dive kick cross fish roll sniff hit skate rest help kiss stare drive practice fetch balance grind touch wave relax point bounce read row bark work kneel paddle bike smoke shoot trot reach tackle crouch paint write sing jog lift spin float toss tug crawl skateboard snowboard".split()
DOUBLED = set("run sit swim hug dig hit jog spin tug".split())


def ing(verb):
    return "lying" if verb == "lie" else verb + verb[-1] + "ing" if verb in DOUBLED else verb[:-1] + "ing" if verb.endswith("e") else verb + "ing"


def third_person(verb):
    return verb + "es" if verb.endswith(("ss", "sh", "ch", "o")) else verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


DOING = {form: ing(verb) for verb in VERBS for form in (verb, third_person(verb))}
