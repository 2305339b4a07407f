/** Places in a photo that a model writes as tokens of their own (Florence-2, PaliGemma): four of them are a box. */
import { z } from 'zod';

/** What the manifest says of them. */
export const locationsSchema = z.strictObject({
  /** The id of place 0; the others follow it. */
  first: z.int(),
  count: z.int().positive(),
  /** How many places a photo's side is divided into, and whether one stands for its middle or its beginning. */
  bins: z.int().positive(),
  centre: z.boolean(),
  /** Left, top, right, bottom; or top first. */
  order: z.enum(['xyxy', 'yxyx']),
  /** Where the words are of what is in a box. */
  label: z.enum(['before', 'after']),
});

type Locations = z.infer<typeof locationsSchema>;

/** Something in a photo and where it is: left, top, right and bottom as parts of its width and height. */
export interface Grounded {
  label: string;
  box: [number, number, number, number];
}

type Decode = (tokens: readonly number[]) => string;

/** Words and the places beside them. */
interface Phrase {
  words: number[];
  places: number[];
}

/** The boxes in an answer. Places that are cut short, as when the answer ends, are left out. */
export function readBoxes(locations: Locations, tokens: readonly number[], decode: Decode): Grounded[] {
  return phrases(locations, tokens).flatMap(({ words, places }) => {
    const label = labelOf(words, decode);
    const boxes = Array.from({ length: Math.floor(places.length / 4) }, (_, at) =>
      places.slice(4 * at, 4 * at + 4),
    );
    return boxes.map((four): Grounded => ({ label, box: boxOf(locations, four) }));
  });
}

/** An answer's words, without the places: labels with commas between them. */
export function wordsOf(locations: Locations, tokens: readonly number[], decode: Decode): string {
  if (!tokens.some((id) => isPlace(locations, id))) return decode(tokens);
  const labels = phrases(locations, tokens).map(({ words }) => labelOf(words, decode));
  return labels.filter((label) => label !== '').join(', ');
}

function isPlace({ first, count }: Locations, id: number): boolean {
  return id >= first && id < first + count;
}

/** Cut where places end and words begin, or the other way about, as the model writes them. */
function phrases(locations: Locations, tokens: readonly number[]): Phrase[] {
  const found: Phrase[] = [];
  let before: boolean | undefined;
  for (const id of tokens) {
    const place = isPlace(locations, id);
    const opens = place === (locations.label === 'after') && before !== place;
    if (opens || found.length === 0) found.push({ words: [], places: [] });
    found.at(-1)?.[place ? 'places' : 'words'].push(place ? id - locations.first : id);
    before = place;
  }
  return found;
}

/** PaliGemma puts semicolons between. */
function labelOf(words: readonly number[], decode: Decode): string {
  return decode(words).replace(/^[\s;]+|[\s;]+$/g, '');
}

function boxOf({ bins, centre, order }: Locations, four: readonly number[]): Grounded['box'] {
  const [a = 0, b = 0, c = 0, d = 0] = four.map((place) => (place + (centre ? 0.5 : 0)) / bins);
  return order === 'xyxy' ? [a, b, c, d] : [b, a, d, c];
}
