/** What to ask: questions that fit a photo, by what its caption speaks of, and searches that find something. */
import type { PhotoSummary } from '../../shared/contract.ts';

export type Topic =
  | 'people'
  | 'child'
  | 'animal'
  | 'food'
  | 'sport'
  | 'water'
  | 'writing'
  | 'building'
  | 'vehicle'
  | 'outdoors';

/** Words of captions, in the languages that models write here, most telling topic first. */
const topics: readonly (readonly [Topic, RegExp])[] = [
  ['writing', /\b(?:signs?|text|letters?|poster|book|newspaper|menu|label)\b|文字|招牌|标志|海报|书/iu],
  [
    'food',
    /\b(?:food|plate|meal|cake|pizza|fruit|coffee|breakfast|dinner|drink|bowl)\b|食物|蛋糕|水果|咖啡|饭|菜/iu,
  ],
  ['child', /\b(?:child|children|boys?|girls?|kids?|baby|toddler)\b|孩子|男孩|女孩|婴儿|小孩/iu],
  [
    'people',
    /\b(?:person|people|m[ae]n|wom[ae]n|lady|guy|player|crowd|group|couple|family)\b|人|男子|女子|家人/iu,
  ],
  [
    'animal',
    /\b(?:dogs?|pupp(?:y|ies)|cats?|kitten|birds?|horses?|cows?|sheep|animals?)\b|狗|猫|鸟|马|牛|羊|动物/iu,
  ],
  [
    'sport',
    /\b(?:ball|soccer|football|baseball|tennis|race|skateboard\w*|surf\w*|ski\w*|swim\w*|jump\w*|rid(?:es|ing))\b|球|比赛|滑雪|游泳|跳|骑/iu,
  ],
  [
    'vehicle',
    /\b(?:car|cars|bus|train|trucks?|bicycles?|bikes?|motorcycles?|boats?|planes?|aircraft)\b|车|船|飞机/iu,
  ],
  [
    'building',
    /\b(?:building|house|street|city|church|tower|bridge|room|kitchen|town)\b|建筑|房|街|城|教堂|塔|桥/iu,
  ],
  ['water', /\b(?:water|sea|ocean|beach|lake|river|pool|waves?)\b|水|海|湖|河|沙滩/iu],
  [
    'outdoors',
    /\b(?:snow|mountains?|forest|trees?|fields?|grass|sky|park|sunset|dusk|flowers?)\b|雪|山|森林|树|田|草|天空|花/iu,
  ],
];

/** What a caption speaks of, most telling first; a child counts as a person too. */
export function topicsOf(caption: string): Topic[] {
  return topics.filter(([, words]) => words.test(caption)).map(([topic]) => topic);
}

/** Up to three questions: those that fit, then those that always do; the last is always the same. */
export function suggestions(
  caption: string | null,
  fitting: Record<Topic, string>,
  always: readonly string[],
): string[] {
  const fits = topicsOf(caption ?? '').map((topic) => fitting[topic]);
  const last = always.at(-1) ?? '';
  return [...new Set([...fits, ...always.slice(0, -1)])].slice(0, 2).concat(last);
}

/** Up to three searches that find something among these photos: their captions, else their names. */
export function examplesOf(photos: readonly PhotoSummary[]): string[] {
  const ready = photos.filter((photo) => photo.state === 'ready');
  const texts = ready.map((photo) => photo.caption?.replace(/[.。]$/, '') ?? photo.name);
  const short = texts.filter((text, at) => text.length <= 60 && texts.indexOf(text) === at);
  return [0, 1, 2].flatMap((part) => short[Math.floor((part * short.length) / 3)] ?? []);
}
